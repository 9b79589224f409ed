"""List docstrings, comments and messages that use a phrase which plain technical English does not need.

Usage: python .dev_scripts/plain_english.py [FOLDER ...] (default: `FOLDERS`). The exit status is 1 if a phrase is found.
"""
import ast
import re
import sys
import tokenize
from collections.abc import Iterator
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
FOLDERS = ('mmmux', 'tools', 'demo', 'benchmarks', 'requirements', 'tests', '.dev_scripts')
# Files whose data contain phrases: the list itself, the cases of its tests, a config that tests train with, and the wording of
# tables that docs/reliability.md repeats.
EXCLUDED = {REPOSITORY / name for name in (
    '.dev_scripts/plain_english.py', 'tests/dev_scripts/test_plain_english.py', 'tests/helpers/small_trainings.py',
    '.dev_scripts/pages/reliability_tables.py')}
# Regular expressions of whole words, in which a space also matches a line break inside a docstring or comment.
PHRASES = [
    # The sentence does not name its subject or object.
    'what (?:is|was|are|were|it|they|a|an|the|has|had|this|that|each|every)', '(?:of|to|with|by|from|in|for|than) what',
    'whatever', 'such as (?:is|are|was|were)', 'the other (?:is|are)', 'where (?:it|there) is', 'there is none', 'others than',
    'says? (?:so|that|nothing)', '(?:is|are|was|were) said', 'said nothing', 'whoever',
    # The code speaks, wishes or asks.
    'told', 'tells? (?:of|what|which|whether|how|that|apart|a|an|the|where|when)', 'granted', 'as a wish', 'asked of',
    '(?:is|are|was|were) asked for', 'heeds?', 'heeded', 'wants?', 'honours?', 'sees? no', 'knows? no',
    # Idioms with a plain equivalent: continue, forever, anyway, pass, allow, exist, correct, have, remove, free, fail, again.
    'go(?:es|ing)? on(?! to)', 'for ever', 'all the same', 'hand(?:s|ed)? on', 'lets? through', '(?:can|cannot|may|to) be had',
    'at hand', 'mend(?:s|ed)?', 'made up for', '(?:has|have)(?: not)? got', r'(?:takes?|taken|took) (?:it|them|\w+ \w+) away',
    'off (?:that|the) list', 'makes? room', 'makes? no sense', 'for want of', 'comes? (?:along|out)', '(?:goes?|went) wrong',
    'goes? with the next', 'afresh', 'looks? through', 'looked through',
]
PATTERN = re.compile(rf'\b(?:{"|".join(PHRASES)})\b'.replace(' ', r'[\s#]+'), re.IGNORECASE)


def docstrings(tree: ast.Module) -> list[ast.Constant]:
    """Return the nodes of all docstrings of a syntax tree."""
    return [node.body[0].value for node in ast.walk(tree)
            if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)) and ast.get_docstring(node)]


def messages(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Yield the first line number and the text, on one line, of each string with several words that is no docstring."""
    passed = set(map(id, docstrings(tree)))
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            passed.update(map(id, node.values))
            text = ''.join(part.value if isinstance(part, ast.Constant) else '{}' for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in passed:
            text = node.value
        else:
            continue
        if ' ' in text:
            yield node.lineno, ' '.join(text.split())


def comments(path: Path) -> Iterator[tuple[int, str]]:
    """Return the first line number and the text of each comment of a Python file; adjacent comment lines are one comment."""
    blocks: dict[int, list[str]] = {}
    with open(path, 'rb') as file:
        for token in tokenize.tokenize(file.readline):
            if token.type == tokenize.COMMENT:
                first, lines = next(reversed(blocks.items()), (0, []))
                adjacent = first + len(lines) == token.start[0]
                blocks.setdefault(first if adjacent else token.start[0], []).append(token.string)
    return ((first, '\n'.join(lines)) for first, lines in blocks.items())


def texts(path: Path) -> list[tuple[int, str]]:
    """Return the first line number and the text of each docstring, comment and message of a Python file."""
    tree = ast.parse(path.read_bytes())
    return sorted([*((node.lineno, node.value) for node in docstrings(tree)), *comments(path), *messages(tree)])


def main(folders: list[Path]) -> int:
    """Print the file, line and phrase of each finding; return 1 if there is a finding, else 0."""
    findings = [f"{path}:{line + text[:match.start()].count(chr(10))}: '{' '.join(match[0].replace('#', ' ').split())}'"
                for folder in folders for path in sorted(folder.rglob('*.py')) if path.resolve() not in EXCLUDED
                for line, text in texts(path) for match in PATTERN.finditer(text)]
    print(*findings, sep='\n', end='\n' if findings else '')
    return int(bool(findings))


if __name__ == '__main__':
    sys.exit(main([Path(name) for name in sys.argv[1:]] or [REPOSITORY / name for name in FOLDERS]))
