"""The code of the documentation's pages: found, run, and where it cannot run here, checked.

A page is Markdown. What stands in a comment right above a block of code says how it is taken:

``<!-- before: CODE -->``
    Python that the reader has done by then, run where it stands.
``<!-- given: FOLDER -->``
    A run's folder that the reader has by then, of a few molecules.
``<!-- not run: WHY -->``
    Python that is compiled and whose calls are bound to signatures, but not run.
``<!-- file: NAME -->``
    The block is written into the page's folder under this name.
``<!-- output of: COMMAND -->``
    What the command prints: it is run, and must print this.
``<!-- recorded: WHY -->``
    What something printed once that cannot be run here.
"""

import ast
import builtins
import dataclasses
import importlib
import inspect
import re
import shlex
import typing
from pathlib import Path

FENCE = re.compile(r"^( *)```(\S*)[^\n]*\n(.*?)^\1```$", re.DOTALL | re.MULTILINE)
COMMENT = re.compile(r"<!-- ([a-z ]+):\s(.*?)\s*-->", re.DOTALL)
SPAN = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
HIDDEN = {"before": "python", "given": "text"}
"""Comments that stand for themselves, and what they hold."""


@dataclasses.dataclass(frozen=True)
class Block:
    """A piece of code of a page, and what the comment above it says."""

    line: int
    language: str
    text: str
    mark: str = ""
    why: str = ""


def blocks(page: str) -> list[Block]:
    """Return the code of a page in its order; what its comments hold that is run included."""
    found, marks = [], {}
    for comment in COMMENT.finditer(page):
        line = page.count("\n", 0, comment.start(2)) + 1
        if comment[1] in HIDDEN:
            found.append(Block(line, HIDDEN[comment[1]], comment[2], mark=comment[1]))
        else:
            marks[page.count("\n", 0, comment.end()) + 2] = (comment[1], comment[2])
    for fence in FENCE.finditer(page):
        line = page.count("\n", 0, fence.start()) + 1
        mark, why = marks.pop(line, ("", ""))
        text = "\n".join(row.removeprefix(fence[1]) for row in fence[3].splitlines()) + "\n"
        found.append(Block(line=line + 1, language=fence[2], text=text, mark=mark, why=why))
    if marks:
        raise ValueError(f"comments above nothing, before lines {sorted(marks)}")
    return sorted(found, key=lambda block: block.line)


def spans(page: str) -> list[tuple[int, str]]:
    """Return line and text of the code within a page's sentences."""
    text = FENCE.sub(lambda fence: "\n" * fence[0].count("\n"), page)
    text = COMMENT.sub(lambda comment: "\n" * comment[0].count("\n"), text)
    return [(text.count("\n", 0, span.start()) + 1, span[1]) for span in SPAN.finditer(text)]


def compiled(block: Block, path: Path) -> ast.Module:
    """Return a block's syntax tree, whose lines are the page's."""
    return ast.increment_lineno(ast.parse(block.text, str(path)), block.line - 1)


def commands(text: str) -> list[list[str]]:
    """Return the words of each command of a shell's lines, without what sets its environment."""
    found = []
    for line in text.replace("\\\n", " ").splitlines():
        words: list[str] = []
        # A shell's variables stand for numbers.
        plain = re.sub(r"\$\{?\w+\}?", "1", line)
        for word in [*shlex.split(plain, comments=True), "&&"]:
            if word in ("&&", "|", "||"):
                while words and re.fullmatch(r"\w+=.*", words[0]):
                    words.pop(0)
                found += [words] if words else []
                words = []
            else:
                words.append(word)
    return found


class Calls(ast.NodeVisitor):
    """Binds each call of a piece of code to the signature of what it calls, without calling it.

    `unknown` are the names of what is called and not known; `wrong` are calls that cannot be made.
    """

    def __init__(self, names: dict[str, typing.Any], where: str = "") -> None:
        self.names, self.where = dict(names), where
        self.types: dict[str, typing.Any] = {}
        self.unknown: list[str] = []
        self.wrong: list[str] = []

    def visit_Import(self, node: ast.Import | ast.ImportFrom) -> None:
        try:
            exec(compile(ast.Module([node], []), "import", "exec"), self.names)
        except ModuleNotFoundError as error:
            if (error.name or "").startswith("openmm_cgpack"):
                raise
            for alias in node.names:
                # Of a package that is not installed here nothing is known.
                self.names[(alias.asname or alias.name).split(".")[0]] = typing.Any

    visit_ImportFrom = visit_Import

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        self.names[node.name] = typing.Any
        self.generic_visit(node)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        self.names[node.name] = typing.Any
        self.generic_visit(node)

    def visit_Assign(self, node: ast.Assign) -> None:
        self.generic_visit(node)
        for target in node.targets:
            if isinstance(target, ast.Name):
                self.types[target.id] = self.type_of(node.value)
                self.names.pop(target.id, None)

    def visit_Call(self, node: ast.Call) -> None:
        self.generic_visit(node)
        called = self.value_of(node.func)
        if called is typing.Any:
            return
        if called is None:
            self.unknown.append(ast.unparse(node.func))
            return
        given = [arg for arg in node.args if not isinstance(arg, ast.Starred)]
        shortened = len(given) < len(node.args) or any(
            isinstance(arg, ast.Constant) and arg.value is ... for arg in given
        )
        given = [arg for arg in given if not (isinstance(arg, ast.Constant) and arg.value is ...)]
        words = {word.arg: word for word in node.keywords if word.arg}
        shortened |= len(words) < len(node.keywords)
        try:
            signature = inspect.signature(called)
        except ValueError:
            return
        try:
            (signature.bind_partial if shortened else signature.bind)(*given, **words)
        except TypeError as error:
            self.wrong.append(f"{self.where}{ast.unparse(node)}: {error}")

    def value_of(self, node: ast.expr) -> typing.Any:
        """Return what a name or attribute stands for; None where that is not known."""
        if isinstance(node, ast.Name):
            return self.names.get(node.id, getattr(builtins, node.id, None))
        if not isinstance(node, ast.Attribute):
            return None
        owner = self.value_of(node.value)
        if owner is typing.Any:
            return owner
        if owner is not None:
            return self._attribute(owner, node)
        kind = self.type_of(node.value)
        if kind is typing.Any or kind is None:
            return kind
        member = self._attribute(kind, node)
        if inspect.isfunction(member) and not isinstance(
            inspect.getattr_static(kind, node.attr), staticmethod | classmethod
        ):
            return member.__get__(object())
        return member

    def _attribute(self, owner: typing.Any, node: ast.Attribute) -> typing.Any:
        if not hasattr(owner, node.attr):
            if inspect.ismodule(owner) and hasattr(owner, "__path__"):
                try:
                    return importlib.import_module(f"{owner.__name__}.{node.attr}")
                except ModuleNotFoundError:
                    pass
            fields = getattr(owner, "__dataclass_fields__", {})
            if node.attr in fields:
                return typing.Any
            self.wrong.append(f"{self.where}{ast.unparse(node)}: there is no {node.attr}")
            return typing.Any
        return getattr(owner, node.attr)

    def type_of(self, node: ast.expr) -> typing.Any:
        """Return the type of an expression's value, from annotations; None where unknown."""
        if isinstance(node, ast.Name):
            held = self.names.get(node.id)
            return type(held) if held is not None else self.types.get(node.id)
        if isinstance(node, ast.Call):
            called = self.value_of(node.func)
            if inspect.isclass(called) or called is typing.Any:
                return called
            if called is not None:
                try:
                    kind = typing.get_type_hints(called).get("return")
                except (NameError, TypeError):
                    return typing.Any
                return kind if inspect.isclass(kind) else typing.Any
        if isinstance(node, ast.Attribute):
            owner = self.type_of(node.value)
            if inspect.isclass(owner) and owner is not typing.Any:
                try:
                    kind = typing.get_type_hints(owner).get(node.attr)
                except NameError:
                    return typing.Any
                return kind if inspect.isclass(kind) else typing.Any
            return owner
        return typing.Any if isinstance(node, ast.Subscript | ast.Constant) else None
