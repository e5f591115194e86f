//! The command line as it is told of: by its own help, and by the documentation.

use std::ffi::OsString;
use std::path::Path;

use clap::error::ErrorKind;
use clap::{CommandFactory as _, Parser as _};

use super::{Line, send};

#[test]
fn the_command_line_has_no_contradiction_and_every_command_an_example() {
    let mut line = Line::command();
    line.build();
    line.clone().debug_assert();
    let mut waiting: Vec<&clap::Command> = line.get_subcommands().collect();
    while let Some(command) = waiting.pop() {
        if ["help", "version"].contains(&command.get_name()) {
            continue;
        }
        waiting.extend(command.get_subcommands());
        let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
        assert!(command.has_subcommands() || help.contains("Example"), "`{}` has no example", command.get_name());
        for example in help.lines().filter_map(|line| line.strip_prefix("  angelia ")) {
            understood(example, false).unwrap_or_else(|error| panic!("`{}`: {example}: {error}", command.get_name()));
        }
    }
}

/// Commands in backticks, and those in blocks of code.
#[test]
fn the_documentation_names_commands_that_there_are() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let documents = std::fs::read_dir(root.join("docs")).unwrap().map(|entry| entry.unwrap().path());
    let mut found = 0;
    for path in documents.chain([root.join("README.md")]).filter(|path| path.extension().is_some_and(|md| md == "md")) {
        let text = std::fs::read_to_string(&path).unwrap();
        for (index, line) in text.lines().enumerate() {
            let spans = line.split('`').skip(1).step_by(2);
            let block = line.strip_prefix("    ").map(|line| line.split("   #").next().unwrap_or(line).trim_end());
            for command in spans.chain(block).filter_map(|text| text.strip_prefix("angelia ")) {
                let place = format!("{}:{}", path.display(), index + 1);
                understood(command, true).unwrap_or_else(|error| panic!("{place}: angelia {command}: {error}"));
                found += 1;
            }
        }
    }
    assert!(found > 40, "{found} commands are no documentation");
}

/// Whether clap takes it. In prose (`is_named`) a command may stand without what it works on.
fn understood(text: &str, is_named: bool) -> Result<(), String> {
    let mut args = vec![OsString::from("angelia")];
    args.extend(words(text)?.iter().map(|word| OsString::from(placeholder(word))));
    let _ = send::split(&mut args);
    match Line::try_parse_from(args) {
        Ok(_) => Ok(()),
        Err(error) => match error.kind() {
            ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => Ok(()),
            ErrorKind::MissingRequiredArgument
            | ErrorKind::MissingSubcommand
            | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
                if is_named =>
            {
                Ok(())
            }
            _ => Err(error.to_string()),
        },
    }
}

/// What stands for something else.
fn placeholder(word: &str) -> &str {
    match word {
        "ADDRESS" | "SENDER" | "RECIPIENT" | "OLD" | "NEW" | "NEW-ADDRESS" | "ACCOUNT" => "anna@example.org",
        "DOMAIN" => "example.org",
        "ID" => "4kz3h8v0c2q9m7w1x5t6r8y0ab",
        other => other,
    }
}

/// As a shell would take it apart, as far as examples need one; what is redirected, piped or chained is not ours.
fn words(text: &str) -> Result<Vec<String>, String> {
    let (mut words, mut word, mut quote, mut is_word) = (Vec::new(), String::new(), None, false);
    for c in text.chars() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (Some(_), c) => word.push(c),
            (None, '\'' | '"') => (quote, is_word) = (Some(c), true),
            (None, '<' | '>' | '|' | '&' | ';' | '#') => break,
            (None, ' ') if is_word => {
                words.push(std::mem::take(&mut word));
                is_word = false;
            }
            (None, ' ') => {}
            (None, c) => {
                word.push(c);
                is_word = true;
            }
        }
    }
    if quote.is_some() {
        return Err("a quote is open".to_owned());
    }
    words.extend(is_word.then_some(word));
    Ok(words)
}
