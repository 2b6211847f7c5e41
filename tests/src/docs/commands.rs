//! Commands of a `sh` or `console` block.

use anyhow::bail;

/// Line that stands for any number of lines of the output.
const ELLIPSIS: &str = "…";
/// Line after which a command is interrupted that would not end by itself, as by the reader's keyboard.
const INTERRUPT: &str = "^C";

/// Command, and what the page shows of its output.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Command {
    /// Text for the shell.
    pub script: String,
    /// Lines of the output, in their order. `…` stands for any text, and other lines may be between them.
    pub output: Vec<String>,
    /// Whether the command is interrupted once it has printed the output.
    pub is_interrupted: bool,
}

impl Command {
    /// Returns whether the page shows that the command fails.
    #[must_use]
    pub fn fails(&self) -> bool {
        self.output.iter().any(|line| {
            let line = line.to_lowercase();
            line.starts_with("error:") || line.starts_with("error from ")
        })
    }

    /// Returns whether the command has printed what the page shows.
    #[must_use]
    pub fn has_printed(&self, text: &str) -> bool {
        let mut lines = text.lines();
        self.output.iter().all(|shown| lines.any(|line| is_shown(shown, line)))
    }
}

/// Returns the commands of a `sh` block: one script.
pub(super) fn script(text: &str) -> Vec<Command> {
    vec![Command { script: text.to_owned(), ..Command::default() }]
}

/// Parses a `console` block. A command begins after `$ ` and continues on the next line after a backslash.
///
/// # Errors
/// Returns an error if the block does not begin with a command.
pub(super) fn console(text: &str) -> anyhow::Result<Vec<Command>> {
    let mut commands = Vec::<Command>::new();
    for line in text.lines() {
        match (line.strip_prefix("$ "), commands.last_mut()) {
            (Some(script), _) => commands.push(Command { script: script.to_owned(), ..Command::default() }),
            (None, Some(command)) if command.output.is_empty() && command.script.ends_with('\\') => {
                command.script.push('\n');
                command.script.push_str(line);
            }
            (None, Some(command)) if line == INTERRUPT => command.is_interrupted = true,
            (None, Some(command)) => {
                command.output.extend(
                    Some(line).filter(|line| *line != ELLIPSIS && !line.is_empty()).map(str::to_owned),
                );
            }
            (None, None) => bail!("a console block begins with a command after `$ `"),
        }
    }
    Ok(commands)
}

/// Returns whether a line of the output is what the page shows. The width of spaces does not matter, and an ellipsis may
/// stand for nothing, as for an empty column.
fn is_shown(shown: &str, line: &str) -> bool {
    let (shown, line) = (single_spaced(shown), single_spaced(line));
    let parts: Vec<&str> = shown.split(ELLIPSIS).map(str::trim).collect();
    let [first, middle @ .., last] = parts.as_slice() else { return shown == line };
    let Some(mut rest) = line.strip_prefix(*first) else { return false };
    for part in middle {
        let Some((_, after)) = rest.split_once(*part) else { return false };
        rest = after;
    }
    rest.ends_with(*last)
}

fn single_spaced(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Commands are separated from their output, and continue after a backslash.
    #[test]
    fn commands_are_separated_from_their_output() {
        let found = console("$ one \\\n    more\nout\n…\n$ two\n^C\n").unwrap();
        let expected = [
            Command {
                script: "one \\\n    more".to_owned(),
                output: vec!["out".to_owned()],
                is_interrupted: false,
            },
            Command { script: "two".to_owned(), output: Vec::new(), is_interrupted: true },
        ];
        assert_eq!(found, expected);
        console("out\n").unwrap_err();
    }

    /// Shown lines must occur in the output in their order; an ellipsis stands for any text.
    #[test]
    fn shown_lines_are_found_in_the_output() {
        let shows = |output: &[&str], text: &str| {
            let output = output.iter().map(|line| (*line).to_owned()).collect();
            Command { output, ..Command::default() }.has_printed(text)
        };
        assert!(shows(&["NAME  PHASE", "a-…   Done …s"], "NAME      PHASE\nb    Done 1s\na-x7  Done   2s\n"));
        assert!(shows(&["a … Done …"], "a   Done\n"), "an empty column");
        assert!(!shows(&["a", "b"], "b\na\n"), "the order matters");
        assert!(!shows(&["a"], "ab\n"), "a line is shown as a whole");
        assert!(!shows(&["a…b"], "abc\n"), "the end of a line is shown");
        assert!(shows(&[], ""));
    }

    /// A command fails if the page shows an error.
    #[test]
    fn a_shown_error_means_failure() {
        let command = |line: &str| console(&format!("$ x\n{line}\n")).unwrap().remove(0);
        assert!(command("Error from server (Invalid): no").fails() && command("error: no").fails());
        assert!(!command("0 errors").fails());
    }
}
