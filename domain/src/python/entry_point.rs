//! The function that the harness calls: `run(input, ctx)`, defined at the top level of the code.
//!
//! Python can define a name in many ways. A mistake is reported only where none of them is possible.

use ruff_python_ast::token::{Token, TokenKind};
use ruff_python_ast::{ModModule, Parameters, Stmt, StmtFunctionDef};
use ruff_python_parser::Parsed;
use ruff_text_size::{Ranged, TextRange, TextSize};

/// Name of the function.
const NAME: &str = "run";
/// Names with which code can define another name while it is executed.
const DYNAMIC_NAMES: &[&str] = &[
    "__builtins__",
    "__dict__",
    "__getattr__",
    "__import__",
    "eval",
    "exec",
    "globals",
    "import_module",
    "locals",
    "modules",
    "setattr",
    "vars",
];

/// Returns the reason why the code has no function that can be called as `run(input, ctx)`. `text` is the code without
/// f-strings.
pub(super) fn check(code: &str, text: &str, parsed: &Parsed<ModModule>) -> Option<String> {
    // An expression in an f-string can bind a name, too.
    let may_bind_in_f_string = code != text && code.contains(":=");
    if may_bind_in_f_string || may_define_dynamically(text, parsed) {
        return None;
    }
    let mentions = mentions(text, parsed);
    let (mut functions, mut may_be_bound) = (Vec::new(), false);
    for statement in &parsed.syntax().body {
        match statement {
            Stmt::FunctionDef(function) if function.name.as_str() == NAME => functions.push(function),
            // The body of a function or class has names of its own.
            Stmt::FunctionDef(_) => {}
            Stmt::ClassDef(class) => may_be_bound |= class.name.as_str() == NAME,
            other => may_be_bound |= contains(other.range(), &mentions),
        }
    }
    match functions.as_slice() {
        _ if may_be_bound => None,
        [] => Some("the code defines no function run: add def run(input, ctx) at the top level".to_owned()),
        [function] => signature_mistake(function),
        _ => None,
    }
}

/// A decorator may change the signature.
fn signature_mistake(function: &StmtFunctionDef) -> Option<String> {
    if !function.decorator_list.is_empty() {
        return None;
    }
    if function.is_async {
        return Some(
            "run is an async function, which is not awaited: remove async, or call asyncio.run in it"
                .to_owned(),
        );
    }
    (!accepts_two(&function.parameters)).then(|| {
        "run is called as run(input, ctx): give it exactly two parameters without defaults".to_owned()
    })
}

/// Returns whether a function can be called with two positional arguments.
fn accepts_two(parameters: &Parameters) -> bool {
    let Parameters { posonlyargs, args, vararg, kwonlyargs, kwarg: _, range: _, node_index: _ } = parameters;
    let positional = posonlyargs.len() + args.len();
    let required = posonlyargs.iter().chain(args).filter(|parameter| parameter.default.is_none()).count();
    let lacks_keywords = kwonlyargs.iter().any(|parameter| parameter.default.is_none());
    required <= 2 && (positional >= 2 || vararg.is_some()) && !lacks_keywords
}

fn name<'t>(text: &'t str, token: &Token) -> &'t str {
    let range = token.range();
    text.get(range.start().to_usize()..range.end().to_usize()).unwrap_or_default()
}

/// Returns whether code may define names in ways that its syntax does not show.
fn may_define_dynamically(text: &str, parsed: &Parsed<ModModule>) -> bool {
    let mut previous = TokenKind::Newline;
    parsed.tokens().iter().any(|token| {
        let before = std::mem::replace(&mut previous, token.kind());
        match token.kind() {
            TokenKind::Global => true,
            TokenKind::Star => before == TokenKind::Import,
            TokenKind::Name => DYNAMIC_NAMES.contains(&name(text, token)),
            _ => false,
        }
    })
}

/// Returns the positions at which the name of the function stands, other than behind a dot, in the order of the text.
fn mentions(text: &str, parsed: &Parsed<ModModule>) -> Vec<TextSize> {
    let mut previous = TokenKind::Newline;
    let mentions = parsed.tokens().iter().filter(|token| {
        let before = std::mem::replace(&mut previous, token.kind());
        token.kind() == TokenKind::Name && before != TokenKind::Dot && name(text, token) == NAME
    });
    mentions.map(Ranged::start).collect()
}

fn contains(range: TextRange, positions: &[TextSize]) -> bool {
    let first = positions.partition_point(|position| *position < range.start());
    positions.get(first).is_some_and(|position| *position < range.end())
}
