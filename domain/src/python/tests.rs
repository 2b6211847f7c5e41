use super::*;

fn found(code: &str) -> Vec<String> {
    let show = |mistake| match mistake {
        Mistake::Syntax { line, column, message } => format!("{line}:{column} {message}"),
        Mistake::EntryPoint { message } => message,
    };
    check(code).into_iter().map(show).collect()
}

fn first(code: &str) -> String {
    found(code).into_iter().next().unwrap_or_default()
}

/// A mistake is reported with its line and column.
#[test]
fn a_mistake_has_its_line_and_column() {
    for (code, mistake) in [
        ("def run(input, ctx)\n    return 1\n", "1:20 Expected `:`, found newline"),
        ("def run(input, ctx):\nreturn 1\n", "2:1 Expected an indented block after function definition"),
        ("def run(input, ctx):\n    x = (1,\n    return x\n", "2:9 '(' was never closed"),
        (
            "def run(input, ctx):\n    return [1)\n",
            "2:14 closing parenthesis ')' does not match opening parenthesis '['",
        ),
        ("def run(input, ctx):\n    return 1}\n", "2:13 unmatched '}'"),
        ("def run(input, ctx):\r\n    return 'ä\r\n", "2:12 unterminated string literal"),
        ("def run(input, ctx):\n    return f\"{a b}\"\n", "2:17 f-string: expecting `}`"),
        (
            "def run(input, ctx):\n    print 'x'\n",
            "2:11 Simple statements must be separated by newlines or semicolons",
        ),
    ] {
        assert_eq!(first(code), mistake, "{code}");
    }
}

/// Several mistakes are listed by line, at most five.
#[test]
fn several_mistakes_are_listed() {
    let lines: Vec<_> = found("def run(input, ctx):\n    a = = 1\n    b = f'{'\n    c = 2 +\n    return\n")
        .iter()
        .map(|mistake| mistake.split(':').next().unwrap().to_owned())
        .collect();
    assert!(lines.contains(&"2".to_owned()) && lines.contains(&"4".to_owned()), "{lines:?}");
    assert_eq!(found(&"x = = 1\n".repeat(100)).len(), MAX_MISTAKES);
}

/// Code without a function that can be called with two arguments is a mistake, whatever else it defines.
#[test]
fn a_missing_entry_point_is_a_mistake() {
    let missing = "the code defines no function run: add def run(input, ctx) at the top level";
    let parameters = "run is called as run(input, ctx): give it exactly two parameters without defaults";
    for (code, mistake) in [
        ("x = 1", missing),
        ("def main(input, ctx):\n    subprocess.run('x')", missing),
        ("class Job:\n    def run(self, input): pass", missing),
        ("def run(input): pass", parameters),
        ("def run(a, b, c): pass", parameters),
        ("def run(a, b, *, c): pass", parameters),
        ("def run(): pass", parameters),
        (
            "async def run(input, ctx): pass",
            "run is an async function, which is not awaited: remove async, or call asyncio.run in it",
        ),
    ] {
        assert_eq!(first(code), mistake, "{code}");
    }
}

/// Whatever may define the function when it is executed is accepted.
#[test]
fn an_entry_point_that_may_exist_is_accepted() {
    for code in [
        "def run(input, ctx): pass",
        "def run(*args): pass",
        "def run(a, b=1, c=2, *, d=3, **e): pass",
        "def run(a, /, b): pass",
        "@wrap\nasync def run(): pass",
        "run = lambda input, ctx: 1",
        "from steps import run",
        "from steps import *",
        "from steps import main as run",
        "if True:\n    def run(input, ctx): pass",
        "try:\n    from a import run\nexcept ImportError:\n    def run(i, c): pass",
        "class run:\n    def __init__(self, a, b): pass",
        "for run in [print]: pass",
        "(run := print)",
        "f'{(run := print)}'",
        "def define():\n    global run\n    run = print\ndefine()",
        "globals()['run'] = print",
        "import sys\nsys.modules['step'].run = print",
        "exec('def run(a, b): pass')",
        "def run(a): pass\ndef run(a, b): pass",
    ] {
        assert_eq!(found(code), [""; 0], "{code}");
    }
}

/// Code that is nested too deeply for the check, or too large, is accepted.
#[test]
fn code_beyond_the_limits_is_accepted() {
    for code in [
        format!("x = {}1", "-".repeat(60_000)),
        format!("x = a{}", ".b".repeat(30_000)),
        "= ".repeat(200_000),
    ] {
        assert_eq!(found(&code), [""; 0]);
    }
    assert_eq!(first(&"(".repeat(300)), "1:201 too many nested parentheses");
}

/// A word that a parser reads as a number and a keyword, or as a number and an f-string, does not hide nesting from the scan.
#[test]
fn words_that_a_parser_splits_hide_no_nesting() {
    for (code, limit) in [
        (format!("x={}0", "0if 0else ".repeat(1_000)), 1_000),
        (format!("x={}0", "1.e5if 1.e5else ".repeat(1_000)), 1_000),
        (format!("x={}0", "1.jif 1.jelse ".repeat(1_000)), 1_000),
        (format!("x={}0", "€if €else ".repeat(1_000)), 1_000),
    ] {
        let Scan::Complete(scanned) = scan::scan(&code) else { panic!("{}", code.get(..40).unwrap()) };
        assert!(scanned.depth >= limit, "{} in {}", scanned.depth, code.get(..40).unwrap());
    }
    for number in ["1.e5", "1.j", "0x1", "1", "€", "x"] {
        let code = format!("{number}f\"{{{}1}}\"", "-".repeat(60_000));
        assert!(matches!(scan::scan(&code), Scan::Ambiguous), "{number}");
        assert_eq!(check(&code), [], "{number}");
    }
    let numbers = "x = [0xFF, 0b1, 0o7, 1_000, 1e5, 1e-5, 1.5e3, 2j]\n".repeat(500);
    let Scan::Complete(scanned) = scan::scan(&numbers) else { panic!("numbers") };
    assert!(scanned.depth < 20, "{}", scanned.depth);
}
