#!/usr/bin/python3
"""Fails when the source tree breaks a wall: an include that points up the folder table, a third-party header
outside the file that wraps it, a drawer for everything, a file or function that grew too long, unfinished work."""
import pathlib
import re
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]

# DESIGN: a folder may include itself and what stands before it.
FOLDERS = ['eventlog', 'rules', 'projections', 'commands', 'api', 'tools']
DRAWERS = {'util', 'utils', 'common', 'helper', 'helpers', 'misc', 'manager', 'handler'}
HEADER_LINES_MAX = 200
SOURCE_LINES_MAX = 600
FUNCTION_LINES_MAX = 70
TEST_FUNCTION_LINES_MAX = 100  # a scenario told from beginning to end
TEST_HEADER_LINES_MAX = 300  # fixtures hold code that a product's header would not
# Headers of these libraries stay inside .cpp files, and in the private headers named here, which exist to be
# included by a few .cpp files of their own folder. (json_fwd.hpp declares and costs nothing.)
WRAPPERS = {'eventlog/schema/wire_message.h'}
WRAPPED = re.compile(r'#include\s+[<"](capnp/|kj/|lmdb\.h|zmq|simdjson|toml\+\+|nlohmann/json\.hpp|CLI/|openssl/|isa-l|'
                     r'zstd\.h|sodium|xxhash)')
INCLUDE = re.compile(r'^\s*#include\s+"([^"]+)"', re.M)
UNFINISHED = re.compile(r'\b(TODO|FIXME|XXX|HACK)\b')


def sources(root):
    """All C++ files of the product and its tests below `root`, as paths relative to it."""
    for folder in FOLDERS + ['tests', 'bench']:
        for path in sorted((root / folder).rglob('*')):
            if path.suffix in ('.h', '.cpp') and path.is_file():
                yield path.relative_to(root)


def upward_includes(name, text):
    own = name.parts[0]
    allowed = FOLDERS if own in ('tests', 'bench') else FOLDERS[:FOLDERS.index(own) + 1]
    for include in INCLUDE.findall(text):
        folder = include.split('/')[0]
        if folder in FOLDERS and folder not in allowed:
            yield f'{name}: includes {include}, but {own}/ may not know {folder}/'


def tests_link_one_folder(name, text):
    """tests/FOLDER links FOLDER's library alone, so it may include only what that folder may."""
    if name.parts[0] != 'tests' or name.parts[1] not in FOLDERS:
        return
    own = name.parts[1]
    for include in INCLUDE.findall(text):
        folder = include.split('/')[0]
        if folder in FOLDERS and FOLDERS.index(folder) > FOLDERS.index(own):
            yield f'{name}: includes {include}, but the tests of {own}/ link only {own}/'


def wrapped_headers(name, text):
    if name.suffix == '.h' and name.parts[0] in FOLDERS and str(name) not in WRAPPERS:
        for line in text.split('\n'):
            if WRAPPED.search(line):
                yield f'{name}: {line.strip()} belongs into the .cpp that wraps it'


def lmdb_and_zmq_in_their_folder(name, text):
    for header, folder in (('lmdb.h', 'projections'), ('zmq', 'api')):
        if re.search(r'#include\s+<' + re.escape(header), text) and name.parts[0] not in (folder, 'tests', 'bench'):
            yield f'{name}: only {folder}/ may include {header}'


def size_and_words(name, text):
    lines = text.split('\n')
    limit = HEADER_LINES_MAX if name.suffix == '.h' else SOURCE_LINES_MAX
    if name.suffix == '.h' and name.parts[0] in ('tests', 'bench'):
        limit = TEST_HEADER_LINES_MAX
    if len(lines) - 1 > limit:
        yield f'{name}: {len(lines) - 1} lines, at most {limit}'
    for number, line in enumerate(lines, 1):
        if UNFINISHED.search(line):
            yield f'{name}:{number}: unfinished: {line.strip()[:80]}'
    if name.stem in DRAWERS:
        yield f'{name}: a drawer for everything; name the one idea it holds'
    if 'DISABLED_' in text:
        yield f'{name}: a disabled test'


def without_texts(text):
    """The same lines with string and character literals and comments emptied, so that braces can be counted."""
    def blank(match):
        return '\n' * match.group(0).count('\n')
    text = re.sub(r'R"(\w*)\(.*?\)\1"', blank, text, flags=re.S)
    return re.sub(r'"(\\.|[^"\\\n])*"|\'(\\.|[^\'\\\n])\'|//[^\n]*', '', text)


def long_functions(name, text):
    """A body begins on a line with a ')' that ends in '{' and ends where its braces are closed again. Good enough
    for clang-formatted code; namespaces and types have no ')' there."""
    limit = TEST_FUNCTION_LINES_MAX if name.parts[0] == 'tests' else FUNCTION_LINES_MAX
    lines = without_texts(text).split('\n')
    for start, line in enumerate(lines):
        if not re.search(r'\).*\{$', line) or re.match(r'\s*(if|for|while|switch|\}|else|namespace)\b', line):
            continue
        depth = 0
        for end in range(start, len(lines)):
            depth += lines[end].count('{') - lines[end].count('}')
            if depth <= 0:
                break
        if end - start + 1 > limit:
            yield f'{name}:{start + 1}: a function of {end - start + 1} lines, at most {limit}'


CHECKS = [upward_includes, tests_link_one_folder, wrapped_headers, lmdb_and_zmq_in_their_folder, size_and_words,
          long_functions]


def violations(root):
    for name in sources(root):
        text = (root / name).read_text(errors='replace')
        for check in CHECKS:
            yield from check(name, text)


class Layout(unittest.TestCase):
    def test_source_tree_keeps_every_wall(self):
        found = list(violations(ROOT))
        self.assertEqual([], found, '\n' + '\n'.join(found))

    def found_in(self, name, text):
        with tempfile.TemporaryDirectory() as directory:
            path = pathlib.Path(directory) / name
            path.parent.mkdir(parents=True)
            path.write_text(text)
            return list(violations(pathlib.Path(directory)))

    def test_upward_include_is_found(self):
        self.assertTrue(self.found_in('rules/a.cpp', '#include "commands/engine.h"\n'))
        self.assertFalse(self.found_in('commands/a.cpp', '#include "rules/features/catalogue.h"\n'))

    def test_wrapped_header_in_a_header_is_found(self):
        self.assertTrue(self.found_in('commands/a.h', '#include <simdjson.h>\n'))
        self.assertFalse(self.found_in('commands/a.cpp', '#include <simdjson.h>\n'))

    def test_zeromq_outside_api_is_found(self):
        self.assertTrue(self.found_in('tools/a.cpp', '#include <zmq.hpp>\n'))

    def test_long_file_is_found(self):
        self.assertTrue(self.found_in('rules/a.h', '//\n' * 201))
        self.assertFalse(self.found_in('rules/a.h', '//\n' * 200))

    def test_long_function_is_found(self):
        self.assertTrue(self.found_in('rules/a.cpp', 'int f(int x) {\n' + '  ++x;\n' * 70 + '}\n'))
        self.assertFalse(self.found_in('rules/a.cpp', 'int f(int x) {\n' + '  ++x;\n' * 60 + '}\n'))

    def test_drawer_is_found(self):
        self.assertTrue(self.found_in('rules/util.h', '//\n'))

    def test_test_of_one_folder_may_not_reach_up(self):
        self.assertTrue(self.found_in('tests/rules/a_test.cpp', '#include "api/server.h"\n'))


if __name__ == '__main__':
    unittest.main()
