"""Source files, configurations, catalogues and data sets that hold a text as data."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from random import Random
from typing import TypeAlias

import orjson

Say: TypeAlias = Callable[[str], str]
Holder: TypeAlias = Callable[[str, Random], str]

_NAMES = (
    "prompt template system few_shot examples instructions grader judge demo task persona intro "
    "header base default_prompt cot_prompt eval_prompt chat_prompt messages preamble context query"
).split()
_KEYS = (
    "prompt instruction system question input text content template description user_message "
    "query context task completion answer expected output reference"
).split()
_QUOTES = (
    ('{upper} = """', '"""\n'),
    ("{upper} = '''\n", "\n'''\n"),
    ('{name} = f"""', '""".strip()\n'),
    ('{upper} = textwrap.dedent(\n    """\\\n', '\n    """\n)\n'),
    ("{upper} = (\n    '''", "'''\n)\n\n# {name} with fewer words\n"),
    ('    \'{name}\':\n        """', '""",\n'),
    ('    "{name}": """', '""",\n    "other": "",\n}\n'),
    ('PromptTemplate(template="""', '""", input_variables=["{name}"])\n'),
    ("const {name} = `", "`;\n"),
    ("export const {name} = (input: string) => `", "`.trim();\n"),
    ("  {name}: `", "`,\n"),
    ("const {name} = `", "`\n\nfunc main() {\n"),
    ("var {name} = template.Must(template.New(`", "`))\n"),
    ('static final String {upper} = """\n', '""";\n'),
    ('const {upper}: &str = r#"', '"#;\n'),
    ("{upper} = <<~TEXT\n", "\nTEXT\n"),
    ("${name} = <<<EOT\n", "\nEOT;\n"),
    ('val {name} = """\n', '\n""".trimIndent()\n'),
    ('const string {name} = @"', '";\n'),
    ('auto {name} = R"(', ')";\n'),
    ("cat <<'EOF' > {name}.txt\n", "\nEOF\n"),
    ("local {name} = [[\n", "]]\n"),
    ('{name} = """\n', '"""\nmax_tokens = 256\n'),
    ("<{name}><![CDATA[", "]]></{name}>\n"),
    ("## {name}\n\n```text\n", "\n```\n\n"),
    ("## {name}\n\n```python\nprint(llm('''", "'''))\n```\n"),
    ("{% block {name} %}\n", "\n{% endblock %}\n"),
    ("/*\n{name}:\n", "\n*/\n"),
    ("INSERT INTO prompts (name, body) VALUES ('{name}', '", "');\n"),
)
_STRINGS = (
    ("{upper} = (\n", '    "', '\\n"\n', ")\n"),
    ("const {name} = [\n", '  "', '",\n', '].join("\\n");\n'),
    ("static const char *{name} =\n", '    "', '\\n"\n', "    ;\n"),
    ("String {name} =\n", '        "', '\\n" +\n', '        "";\n'),
    ("{name} = []\n", '{name}.append("', '")\n', ""),
    ("{name} := strings.Join([]string{\n", '\t"', '",\n', '}, "\\n")\n'),
    ("", "print('", "')\n", ""),
    ("", 'echo "', '"\n', ""),
    ("# {name}\n", "# ", "\n", "\n"),
    ("", "// ", "\n", "\n"),
    ("/**\n", " * ", "\n", " */\n"),
    ("{name}: |-\n", "  ", "\n", "choices: [A, B]\n"),
    ("- id: {name}\n  prompt: >\n", "    ", "\n", "  metrics: [accuracy]\n"),
    ("{name}:\n  messages:\n  - role: system\n    content: |\n", "      ", "\n", ""),
    ("[{name}]\nprompt =\n", "    ", "\n", "\n"),
    ('def {name}():\n    """', "    ", "\n", '    """\n'),
    (">>> print({name})\n", "", "\n", ">>> \n"),
    ("+++ b/{name}.py\n@@ -1,4 +1,9 @@\n", "+", "\n", " \n"),
)


def _name(random: Random) -> str:
    parts = random.sample(_NAMES, random.randint(1, 2))
    return "_".join(parts)


def _named(part: str, name: str) -> str:
    return part.replace("{name}", name).replace("{upper}", name.upper())


def quoted(text: str, random: Random) -> str:
    """The text as it is between the quotes of some language."""
    name = _name(random)
    before, after = (_named(part, name) for part in random.choice(_QUOTES))
    if random.random() < 0.35:
        text = textwrap.indent(text, random.choice(("    ", "        ", "  ", "\t")))
    return before + text + after


def line_by_line(text: str, random: Random) -> str:
    """Every line of the text a string, a comment or a line of its own, long ones wrapped."""
    name = _name(random)
    before, begin, end, after = (_named(part, name) for part in random.choice(_STRINGS))
    width = random.choice((60, 80, 100, 1000))
    lines = [piece for line in text.split("\n") for piece in (textwrap.wrap(line, width) or [""])]
    shown = [line.replace('"', '\\"') if '"' in begin else line for line in lines]
    return before + "".join(f"{begin}{line}{end}" for line in shown) + after


def as_json(text: str, random: Random) -> str:
    """A member of an object, a message of a chat, a line of a data set or a cell of a notebook."""
    key = random.choice(_KEYS)
    role = random.choice(("system", "user", "assistant"))
    head, _, tail = text.partition("\n")
    values: tuple[object, ...] = (
        {key: text},
        {"id": random.randint(1, 999), key: text, "label": random.choice("ABCD")},
        {"messages": [{"role": role, "content": text}], "temperature": 0},
        [{"role": "system", "content": head}, {"role": "user", "content": tail or head}],
        {"instruction": head, "input": "", "output": tail},
        {"prompt": head, "chosen": tail, "rejected": head},
        {"input": [{"role": role, "content": text}], "ideal": random.choice("ABCD")},
        {"cell_type": "code", "source": [f"{line}\n" for line in text.split("\n")], "outputs": []},
        {"cell_type": "markdown", "metadata": {}, "source": [text]},
        {"name": _name(random), "version": 2, "template": text, "variables": ["input"]},
    )
    option = orjson.OPT_INDENT_2 if random.random() < 0.5 else 0
    return orjson.dumps(random.choice(values), option=option).decode() + "\n"


HOLDERS: tuple[Holder, ...] = (quoted, quoted, line_by_line, as_json)


def held(text: str, random: Random) -> str:
    """The text as data of some file."""
    return random.choice(HOLDERS)(text, random)


def in_test(prompt: str, answer: str, random: Random) -> str:
    """A test of a library of prompts."""
    name = _name(random)
    short = " ".join(prompt.split())[:300].replace('"', "'")
    shown = " ".join(answer.split())[:200].replace('"', "'")
    forms = (
        f'def test_{name}(client):\n    assert client.ask("{short}") == "{shown}"\n',
        f'@pytest.mark.parametrize("text", [\n    "{short}",\n    "{shown}",\n])\n',
        f'it("{name}", async () => {{\n  expect(await ask(`{prompt}`)).toBe("{shown}");\n}});\n',
        f'\tif got := Build("{short}"); got != "{shown}" {{\n\t\tt.Errorf("got %q", got)\n\t}}\n',
        f'#[test]\nfn {name}() {{\n    assert_eq!(render("{short}"), "{shown}");\n}}\n',
        f'@patch("llm.ask", return_value="{shown}")\ndef test_{name}(mock):\n    """{prompt}"""\n',
        f"exports[`{name} 1`] = `\n{prompt}\n`;\n",
        f"- vars:\n    {name}: {short}\n  assert:\n    - type: contains\n      value: {shown}\n",
    )
    return random.choice(forms)


def catalogue(say: Say, random: Random) -> str:
    """Texts of a surface for translators, in one of some formats."""
    shape = random.choice(
        (
            'msgid "{0}"\nmsgstr "{1}"\n',
            "{2}.{3}={0}",
            '  "{2}.{3}": "{0}",',
            '<string name="{2}_{3}">{0}</string>',
            '"{0}" = "{1}";',
            "  {2}_{3}: {0}",
            '    {2}: _("{0}"),',
            "<source>{0}</source>\n<translation>{1}</translation>",
        )
    )
    lines = [
        shape.format(say("menu_text"), say("menu_text"), random.choice(_KEYS), say("object"))
        for _ in range(random.randint(5, 40))
    ]
    return "\n".join(lines)


def command_line(say: Say, random: Random) -> str:
    """The options of a program with their help, as code or as its output."""
    shape = random.choice(
        (
            'parser.add_argument("--{0}", help="{1}")',
            '@click.option("--{0}", is_flag=True, help="{1}")',
            '\tcmd.Flags().Bool("{0}", false, "{1}")',
            "    /// {1}\n    #[arg(long)]\n    {0}: bool,",
            "  --{0:20} {1}",
            "  -{2}, --{0}\n          {1}",
            "    .option('--{0}', '{1}')",
            "    {{\"{0}\", no_argument, NULL, '{2}'}}, /* {1} */",
            "**--{0}**\n: {1}",
            ".TP\n\\fB\\-\\-{0}\\fR\n{1}",
        )
    )
    lines = [
        shape.format(say("object"), say("help_text"), say("object")[:1])
        for _ in range(random.randint(4, 25))
    ]
    return "\n".join(lines)


def pipeline(say: Say, random: Random) -> str:
    """Steps of a build: workflows, make files, images."""
    shape = random.choice(
        (
            "      - name: {0}\n        run: {1}",
            "{2}:\n  stage: test\n  script:\n    - {1}  # {0}",
            "# {0}\n{2}:\n\t{1}",
            "# {0}\nRUN {1}",
            "        stage('{0}') {{ steps {{ sh '{1}' }} }}",
            'echo "{0}"\n{1}',
            "  - task: {2}\n    displayName: {0}\n    inputs: {{script: {1}}}",
        )
    )
    runs = ("make test", "npm ci", "cargo build", "git push --tags", "./deploy.sh", "pytest -q")
    lines = [
        shape.format(say("ci_step"), random.choice(runs), say("object"))
        for _ in range(random.randint(3, 14))
    ]
    return "\n".join(lines)


def registry(say: Say, random: Random) -> str:
    """Entries of a list of tasks or benchmarks, each with a name and what it is about."""
    shape = random.choice(
        (
            "{0}:\n  id: {0}.test.v1\n  description: {1}\n  metrics: [accuracy]\n",
            "- task: {0}\n  description: {1}\n  metric_list:\n    - metric: exact_match\n",
            "- name: {0}\n  summary: >\n    {1}\n  dataset: {0}.jsonl\n",
            '[{0}]\ndescription = "{1}"\nfewshot = 4\n',
            '  "{0}": {{"description": "{1}", "metrics": ["f1"]}},',
            '@task\ndef {0}() -> Task:\n    """{1}"""\n    return Task("{0}.csv")\n',
            'class {0}(Task):\n    DESCRIPTION = "{1}"\n    VERSION = 1\n',
            "| {0} | {1} | 1.0 |",
            "- **{0}**: {1}",
            "  it('{0}', () => run('{1}'));",
            '{{"id": "{0}", "description": "{1}"}}',
        )
    )
    sign = random.choice("-_")
    lines = []
    for _ in range(random.randint(1, 10)):
        about = say("ability")
        words = [word.lower() for word in about.split() if word.isalpha() and len(word) > 3]
        name = sign.join(random.sample(words, min(len(words), random.randint(1, 3)))) or "task"
        lines.append(shape.format(name, about))
    return "\n".join(lines)
