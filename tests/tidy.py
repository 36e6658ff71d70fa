#!/usr/bin/env python3
"""Checks the rules of the house (docs/architecture.md) that a compiler does not know.

    tests/tidy.py [FOLDER]

Prints "file:line: what" for each breach and exits 1 if there was one. The rules:

    includes    a room includes only the rooms and the libraries that the tables below allow it
    functions   at most 70 lines each
    variables   nothing mutable at file scope, or static in a function, without "/* mutable on purpose: reason"
                on its line or the line before (tests/ may do as they like in both)
    circles     the .c files of a room whose name is in ACYCLIC call each other in one direction only
    dialect     `!p` and `p`, not comparisons with NULL (but for assignments); `sizeof x` without parentheses
    formatting  clang-format 14, if that is the one at hand; no braces round a single statement
    text        no trailing blanks, no missing line end, no package registries, no paths of somebody's machine
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

FUNCTION_LINES = 70
CLANG_FORMAT = 14

# Which rooms, or single headers, a room may include besides itself. daemon/*.c at the top is the room "daemon".
ALL = ("proto", "config", "daemon", "clients", "bench", "tests")
ROOMS = {
    "proto": (),
    "config": ("proto", "daemon/base", "daemon/admit/tuning.h"),
    "daemon/base": (),
    "daemon/queue": ("daemon/base", "proto"),
    "daemon/store": ("daemon/base", "proto/request.h"),
    "daemon/backend": ("daemon/base", "daemon/queue", "daemon/store", "proto"),
    "daemon/admit": ("daemon/base", "daemon/queue", "proto"),
    "daemon/net": ("daemon/base", "daemon/queue", "proto"),
    "daemon/persist": ("daemon/base", "daemon/store"),
    "daemon/admin": ("config", "daemon/admit/tuning.h", "daemon/base", "daemon/plan.h", "proto"),
    "daemon": ("proto", "config", "daemon"),
    "clients": ("proto",),
    "bench": ("proto", "clients", "daemon"),
    "tests": ALL,
    "docs": ("clients",),
}

# Rooms whose files can be put in an order such that calls go down only. (A function that is handed over as a pointer
# is not called by who hands it over.)
ACYCLIC = ("config", "daemon/base", "daemon/queue", "daemon/net", "daemon/admin", "bench")

# Which rooms may include the headers of a library.
LIBRARIES = {
    "uv.h": ("daemon/net", "daemon", "tests"),
    "yaml.h": ("config",),
    "jansson.h": ("clients", "bench", "tests"),
    "jemalloc/": ("daemon/store", "daemon", "bench"),
    "editline/": ("clients",),
    "histedit.h": ("clients",),
    "cmocka.h": ("tests",),
    "sluice.h": ("docs", "tests"),
}
LIBC = re.compile(r"(sys|netinet|arpa|net|linux|asm|bits)/[\w./-]+\.h|immintrin\.h|x86intrin\.h|("
                  "assert|ctype|dirent|dlfcn|endian|errno|execinfo|fcntl|fenv|fnmatch|float|getopt|glob|grp|inttypes|"
                  "iso646|langinfo|limits|locale|malloc|math|mntent|netdb|poll|pthread|pwd|regex|sched|semaphore|"
                  "setjmp|signal|spawn|stdalign|stdarg|stdatomic|stdbool|stddef|stdint|stdio|stdio_ext|stdlib|"
                  r"stdnoreturn|string|strings|syslog|tgmath|termios|threads|time|uchar|ucontext|unistd|wchar|wctype)\.h")

REASON = re.compile(r"/\* mutable on purpose: [^\s*]")
# Written so that this file does not hold the words themselves.
FORBIDDEN = [
    (re.compile("registry[.]npmjs|pypi[.]org|python[h]osted|crates[.]io|docker[.]io|ghcr[.]io|proxy[.]golang"
                "|deb[.]debian[.]org"), "names a package registry"),
    (re.compile(r"(?<![\w./~-])/(root|work|home/\w+|Users/\w+|tmp/bash_jobs)(/|\b(?!\w))"), "names a path of one machine"),
]
SKIPPED = {".git", "__pycache__", ".hypothesis", ".pytest_cache", "node_modules"}
TEXT = (".c", ".h", ".py", ".sh", ".md", ".yaml", ".yml", ".txt", ".pml", ".pc", ".in", "")


# What is written in two ways elsewhere, and in one here.
DIALECT = (
    (re.compile(r"[\w\]] [!=]= NULL\b"), "write !p or p, not a comparison with NULL"),
    (re.compile(r"\bsizeof\((?!(?:struct|union|enum|const|unsigned|char|int|long|double|void|bool|counter|type)\b|\w+_t\b)"
                r"[\w>.*\[\]-]+\)"), "write sizeof x: parentheses are for types"),
)


def blank(source):
    """The C source with comments, strings and character constants made blanks; lines stay where they are."""
    pattern = r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\''

    def replace(match):
        text = re.sub(r"[^\n]", " ", match.group())
        return '"' + text[1:-1] + '"' if match.group()[0] == '"' else text

    return re.sub(pattern, replace, source, flags=re.S)


def without_directives(source):
    """The blanked source with preprocessor lines (and their continuations) made blanks."""
    return re.sub(r"^[ \t]*#(?:[^\n\\]|\\.|\\\n)*", lambda m: re.sub(r"[^\n]", " ", m.group()), source, flags=re.M)


def line_of(source, offset):
    return source.count("\n", 0, offset) + 1


def statements(source):
    """(text, first offset, last offset, body) of everything at file scope; body: offsets of the braces it ends in,
    for a function definition, or None. Braces of initialisers and types stay in the text as {}."""
    at = start = 0
    text = ""
    while at < len(source):
        c = source[at]
        if c == "{":
            end = closing(source, at)
            if is_function(text):
                yield text, start, end, (at, end)
                text = ""
                at = start = end + 1
                continue
            if re.fullmatch(r'\s*extern\s*"\s*"\s*', text):  # a linkage block: look inside
                text = ""
                at = start = at + 1
                continue
            text += "{}"
            at = end + 1
            continue
        if c == ";" or c == "}":
            yield text, start, at, None
            text = ""
            at = start = at + 1
            continue
        if not text.strip() and not c.isspace():
            start = at
        text += c
        at += 1


def closing(source, at):
    depth = 0
    for i in range(at, len(source)):
        depth += (source[i] == "{") - (source[i] == "}")
        if depth == 0:
            return i
    return len(source) - 1


def strip_attributes(text):
    """Without _Alignas(...), _Atomic(T) (T stays) and __attribute__((...))."""
    text = re.sub(r"\b_Atomic\s*\(([^()]*)\)", r"\1", text)
    return re.sub(r"\b(_Alignas|__attribute__|_Static_assert|__asm__)\s*(\((?:[^()]|\([^()]*\))*\))+", " ", text)


def is_function(text):
    text = strip_attributes(text)
    return "(" in text and "=" not in text and not re.match(r"\s*typedef\b", text)


def mutable_name(text):
    """The name of the mutable variable that a declaration declares, or None."""
    text = strip_attributes(text).strip()
    if not text or re.match(r"typedef\b", text):
        return None
    declaration = text.split("=")[0].strip()
    if re.fullmatch(r"(struct|union|enum)(\s+\w+)?\s*(\{\})?", declaration):
        return None  # a type
    pointer_to_function = re.match(r"[^(]*\(\s*\*\s*(const\b)?\s*(\w+)[^()]*\)\s*\(", declaration)
    if pointer_to_function:
        return None if pointer_to_function.group(1) else pointer_to_function.group(2)
    if "(" in declaration:
        return None  # a prototype, or a macro that takes care of itself
    declaration = re.sub(r"\[[^\]]*\]", "", declaration)
    name = re.search(r"(\w+)\s*(?:,.*)?$", declaration, re.S)
    if not name or re.fullmatch(r"\w+", declaration):
        return None
    if "*" in declaration:
        const = re.match(r"\s*const\b", declaration.split(",")[0].rpartition("*")[2])
    else:
        const = re.search(r"\bconst\b", declaration)
    return None if const else name.group(1)


class Tidy:
    def __init__(self, root):
        self.root = root
        self.found = []
        self.defined = {}  # room -> {function that other files may call: its file}
        self.called = {}  # room -> {file: {name: line of the first call}}

    def breach(self, path, line, what):
        finding = f"{path.relative_to(self.root)}:{line}: {what}"
        if finding not in self.found:
            self.found.append(finding)

    def files(self):
        for folder, folders, names in os.walk(self.root):
            top = Path(folder) == self.root
            folders[:] = sorted(f for f in folders if f not in SKIPPED and not (top and f.startswith("build")))
            for name in sorted(set(names) - SKIPPED):  # in a worktree .git is a file
                yield Path(folder, name)

    def run(self):
        sources = []
        for path in self.files():
            if path.suffix in TEXT and (text := self.read(path)) is not None:
                self.check_text(path, text)
                if path.suffix in (".c", ".h"):
                    sources.append(path)
                    self.check_source(path, text)
        self.check_circles()
        self.check_format(sources)
        return self.found

    def read(self, path):
        try:
            return path.read_bytes().decode()
        except UnicodeDecodeError:
            self.breach(path, 1, "is not UTF-8")
            return None

    def check_text(self, path, text):
        for number, line in enumerate(text.split("\n"), 1):
            if line != line.rstrip():
                self.breach(path, number, "blanks at the end of the line")
            for pattern, what in FORBIDDEN:
                if pattern.search(line):
                    self.breach(path, number, what)
        if text and not text.endswith("\n"):
            self.breach(path, text.count("\n") + 1, "no line end at the end of the file")

    def check_source(self, path, text):
        relative = path.relative_to(self.root)
        room = self.room(relative.parent)
        lines = text.split("\n")
        blanked = blank(text)
        code = without_directives(blanked)
        self.check_includes(path, room, text, blanked)
        for pattern, what in DIALECT:
            for match in pattern.finditer(blanked):
                self.breach(path, line_of(blanked, match.start()), what)
        for statement, start, end, body in statements(code):
            first = line_of(code, start)
            if room == "tests":
                break  # single-threaded programs, whose tables of cases may be long
            if body is None:
                self.check_variable(path, lines, statement, first, line_of(code, end))
                continue
            if room in ACYCLIC and path.suffix == ".c":
                self.note_calls(path, room, code, statement, body)
            length = line_of(code, end) - first + 1
            if length > FUNCTION_LINES:
                self.breach(path, first, f"a function of {length} lines, at most {FUNCTION_LINES} are allowed")
            for match in re.finditer(r"(?<=[;{}])\s*(static\b)", code[body[0]:body[1]]):
                at = body[0] + match.start(1)
                inner, _, end, _ = next(statements(code[at:body[1]]))
                self.check_variable(path, lines, inner, line_of(code, at), line_of(code, at + end))

    @staticmethod
    def room(folder):
        """The innermost folder with an entry in ROOMS; folders inside a room belong to it."""
        while str(folder) not in ROOMS and folder != folder.parent:
            folder = folder.parent
        return str(folder)

    def check_includes(self, path, room, text, blanked):
        for match in re.finditer(r"^[ \t]*#[ \t]*include[ \t]*([<\"])([^>\"\n]+)[>\"]", text, re.M):
            if not blanked[match.start():].lstrip().startswith("#"):
                continue  # in a comment
            line, name = line_of(text, match.start(1)), match.group(2)
            library = next((key for key in LIBRARIES if name == key or key.endswith("/") and name.startswith(key)), None)
            if library:
                if room not in LIBRARIES[library]:
                    self.breach(path, line, f"{room or 'this place'} may not include {name}")
            elif match.group(1) == "<":
                if not LIBC.fullmatch(name):
                    self.breach(path, line, f"{name} is no header of libc, and of no library that tests/tidy.py knows")
            elif not (room == "tests" and Path(path.parent, name).exists()):
                other = self.room(Path(name).parent)
                if "/" not in name or other not in ROOMS:
                    self.breach(path, line, f'"{name}" does not begin with a room; includes go from the root')
                elif room not in ROOMS:
                    self.breach(path, line, "this file is in no room that tests/tidy.py knows")
                elif other != room and not any(r in (other, name) or other.startswith(r + "/") for r in ROOMS[room]):
                    self.breach(path, line, f"{room} may not include {other}")

    def check_variable(self, path, lines, statement, first, last):
        name = mutable_name(statement)
        if name and not any(REASON.search(line) for line in lines[max(0, first - 2):last]):
            self.breach(path, first, f"{name} is mutable: make it const, or say /* mutable on purpose: reason */")

    def note_calls(self, path, room, code, statement, body):
        name = re.search(r"(\w+)\s*\(", strip_attributes(statement))
        if name and not re.search(r"\bstatic\b", statement):
            self.defined.setdefault(room, {})[name.group(1)] = path
        calls = self.called.setdefault(room, {}).setdefault(path, {})
        for match in re.finditer(r"(?<![\w.>])(\w+)\s*\(", code[body[0]:body[1]]):
            calls.setdefault(match.group(1), line_of(code, body[0] + match.start()))

    def check_circles(self):
        """Takes away files that call none of those left, and files that none of them calls: what stays is circles."""
        for room, files in self.called.items():
            home = self.defined.get(room, {})
            left = {file: {home[name]: line for name, line in calls.items() if home.get(name, file) != file}
                    for file, calls in files.items()}
            gone = True
            while gone:
                called = {other for calls in left.values() for other in calls}
                gone = [file for file, calls in left.items() if file not in called or not calls.keys() & left.keys()]
                for file in gone:
                    del left[file]
            for file, calls in left.items():
                for other in sorted(calls.keys() & left.keys()):
                    self.breach(file, calls[other], f"calls {other.name}, which calls back, perhaps by way of others: "
                                                    f"calls between the files of {room} must not go in a circle")

    def check_format(self, sources):
        program = shutil.which("clang-format")
        version = program and subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout
        if not version or f"version {CLANG_FORMAT}." not in version:
            print(f"formatting not checked: that needs clang-format {CLANG_FORMAT}")
            return
        if not sources:
            return
        done = subprocess.run([program, "--dry-run", "-Werror", *map(str, sources)], capture_output=True, text=True,
                              check=False)
        for match in re.finditer(r"^(\S+?):(\d+):\d+: error: (.*?)(?: \[|$)", done.stderr, re.M):
            self.breach(Path(match.group(1)), match.group(2), match.group(3))
        if done.returncode and "error:" not in done.stderr:
            self.found.append(f"clang-format failed: {done.stderr.strip()}")


def main():
    root = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parent.parent).resolve()
    found = Tidy(root).run()
    print("\n".join(found) if found else "tidy")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
