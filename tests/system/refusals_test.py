#!/usr/bin/env python3
"""Every refusal that opening a log can print stands word for word in docs/operations.md."""

import re
import unittest

from harness import SOURCE, SystemTest, main, vigil

PAGE = SOURCE / "docs" / "operations.md"
STORAGE = SOURCE / "eventlog" / "storage"
# What a start or a reader goes through. Archives and backups have docs/backup.md.
FILES = ("log.cpp", "recovery.cpp", "recovery_decision.cpp", "segment_chain.cpp", "segment.cpp", "frame.cpp",
         "posix_environment.cpp", "log_reader.cpp")
LITERAL = re.compile(r'"((?:[^"\\]|\\.)*)"')
REFUSAL = re.compile(r"\b(?:fail|damaged|damage|Error|refused|text)\s*[({][^;]*;|\breturn <[^;]*;|\btext \+= [^;]*;")
MEANT_FOR_PROGRAMMERS = ("holds no frames yet", "a known fault", "a refusal has a reason")
WORDS_MIN = 2


def plain(text):
    return re.sub(r"\s+", " ", text.replace("`", "").replace("\\|", "|"))


def refusals(source):
    """The texts between the variable parts of each refusal: adjacent literals are one."""
    literals = []

    def taken_out(match):
        literals.append(match.group(1))
        return f"<{len(literals) - 1}>"

    code = re.sub(r'"\s*\n\s*"', "", re.sub(r"//[^\n]*", "", source))
    for statement in REFUSAL.findall(LITERAL.sub(taken_out, code)):
        for number in re.findall(r"<(\d+)>", statement):
            text = plain(literals[int(number)]).strip(" :;,()")
            if len(text.split()) >= WORDS_MIN:
                yield text


class Refusals(SystemTest):
    def test_every_refusal_stands_in_the_operations_page(self):
        page, found = plain(PAGE.read_text()), set()
        for name in FILES:
            for text in refusals((STORAGE / name).read_text()):
                if text in MEANT_FOR_PROGRAMMERS:
                    continue
                found.add(text)
                with self.subTest(file=name, text=text):
                    self.assertIn(text, page)
        self.assertGreater(len(found), 40, "the source is not read any more")

    def test_a_refusal_that_is_not_there_would_be_noticed(self):
        texts = list(refusals('return fail(ErrorKind::io, path + ": the moon "\n    "is full; wait" + x);'))
        self.assertEqual(["the moon is full; wait"], texts)
        self.assertNotIn(texts[0], plain(PAGE.read_text()))

    def test_what_is_printed_is_what_stands_there(self):
        missing = self.directory / "nowhere"
        done = vigil("log", "head", "--data", missing, code=1)
        self.assertEqual(f"vigil: {missing}: there is no such data directory; `vigil ingest --data {missing} FILE` "
                         "makes one\n", done.stderr)
        self.assertIn("there is no such data directory; vigil ingest --data … FILE makes one",
                      plain(PAGE.read_text()))


if __name__ == "__main__":
    main()
