#!/usr/bin/env python3
"""Every example of every `--help` works as printed, with no other file of the repository than the binary."""

import re
import shutil
import signal
import subprocess
from pathlib import Path

from harness import SystemTest, VIGIL, main, vigil


def examples(help_text):
    """The command lines printed under `Example`, in order."""
    _, _, footer = help_text.partition("\nExample")
    return [line.strip() for line in footer.splitlines()[1:] if line.startswith("  ")]


def nested(help_text):
    """The subcommands a subcommand lists."""
    _, _, listed = help_text.partition("Subcommands:\n")
    return re.findall(r"(?m)^  ([a-z]+)\b", listed.partition("\nExample")[0])


def clear_scratch():
    """Examples put their files under /tmp/vigil-example*; one of an earlier run must not help them."""
    for path in Path("/tmp").glob("vigil-example*"):
        shutil.rmtree(path) if path.is_dir() else path.unlink()


class Help(SystemTest):
    @classmethod
    def setUpClass(cls):
        cls.texts = {"": vigil("--help").stdout}
        cls.subcommands = nested(cls.texts[""])
        for name in cls.subcommands:
            cls.texts[name] = vigil(name, "--help").stdout
            for inner in nested(cls.texts[name]):
                cls.texts[f"{name} {inner}"] = vigil(name, inner, "--help").stdout

    def test_every_subcommand_has_an_example_of_its_own(self):
        self.assertLessEqual({"serve", "ingest", "query", "tail", "rebuild", "verify", "export", "simulate", "quarantine",
                              "log"}, set(self.subcommands))
        self.assertLessEqual({"quarantine show", "log dump", "export features", "rules check"}, set(self.texts))
        for name, text in self.texts.items():
            with self.subTest(help=name):
                self.assertTrue(any(f"build/vigil {name}".strip() in line for line in examples(text)), text)

    def empty(self):
        """A directory with nothing but the binary under test as build/vigil: examples bring what they need."""
        root = self.directory / "empty"
        (root / "build").mkdir(parents=True)
        (root / "build" / "vigil").symlink_to(Path(VIGIL).resolve())
        return root

    def runs_as_printed(self, command, root):
        process = subprocess.Popen(["bash", "-c", f"exec {command}"], cwd=root, text=True, errors="replace",
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        output = ""
        if " serve " in command:
            output = process.stdout.readline()
            process.send_signal(signal.SIGTERM)
        rest, errors = process.communicate(timeout=120)
        self.assertEqual(0, process.returncode, f"{command}\n{output}{rest[-1500:]}\n{errors[-1500:]}")
        self.assertTrue(" > " in command or (output + rest + errors).strip(), f"{command} says nothing")

    def test_every_example_works_as_printed(self):
        root = self.empty()
        for name, text in self.texts.items():
            clear_scratch()
            for command in examples(text):
                with self.subTest(command=command):
                    self.runs_as_printed(command, root)
        clear_scratch()

    def test_unknown_words_are_usage_errors_with_a_suggestion(self):
        for arguments, hint in ((("veryfy",), "verify"), (("verify", "--dta", "x"), "--data")):
            with self.subTest(arguments=arguments):
                self.assertIn(hint, vigil(*arguments, code=2).stderr)


if __name__ == "__main__":
    main()
