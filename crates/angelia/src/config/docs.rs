//! The reference (`docs/config.md`) and the sample (`etc/angelia.toml`), written from the table of keys.

use std::fmt::Write as _;

use super::keys::{self, Default, Key};
use super::start;

/// `docs/config.md`.
pub(crate) fn reference() -> String {
    let mut out = String::from(
        "# Configuration\n\
         One TOML file. `angelia serve` takes the one named by `--config`, or the first of `angelia.toml`,\n\
         `angelia/angelia.toml` and `/etc/angelia/angelia.toml`. In the current folder it must belong to root or the caller, as must its\n\
         folder and the data, and not be open to everybody; `angelia send` looks into /etc only.\n\
         Only `hostname` must be there. `angelia config check` reads it and\n\
         says what is wrong, with the line; `angelia config show` prints what holds. SIGHUP reads it again: certificates,\n\
         limits and the like change without dropping a connection, and what needs a new start is named.\n\
         \n\
         This file is written from `crates/angelia/src/config/keys/`; a test compares them.\n\
         \n\
         A working configuration:\n\
         \n\
         ```toml\n\
         hostname = \"mail.example.org\"\n\
         data = \"/var/lib/angelia\"\n\
         user = \"angelia\"\n\
         ```\n",
    );
    let mut section = None;
    for key in keys::all() {
        let this = key.name.split_once('.').map(|(section, _)| section);
        if section != Some(this) {
            let _ = write!(out, "\n## {}\n", this.map_or("At the top".to_owned(), head));
            if this.is_some_and(keys::is_list) {
                out.push_str(SEVERAL);
            }
            section = Some(this);
        }
        let _ = write!(out, "\n### `{}`\n{}\n\n", key.name, key.doc);
        let _ = writeln!(out, "- Value: {}", key.kind.describe());
        let _ = match key.default {
            Default::Required { example } => writeln!(out, "- Must be given, for instance `{example}`"),
            Default::Is { value, why } => writeln!(out, "- Default: `{value}`. {why}"),
            Default::Unset { example, means } => {
                writeln!(out, "- Not set: {means}\n- For instance `{example}`")
            }
        };
        if start::waits_for_start(key.name) {
            out.push_str("- Another value holds after the next start; SIGHUP does not change it\n");
        }
    }
    out
}

/// `etc/angelia.toml`: every key, with its default, commented out where the default is right for most.
pub(crate) fn sample() -> String {
    let mut out = String::from(
        "# Angelia's configuration, every key with its default. Only `hostname` must be set.\n\
         # `angelia config check` says what is wrong with it; docs/config.md says more of each key.\n",
    );
    let mut section = None;
    for key in keys::all() {
        let (this, name) = key.name.split_once('.').map_or((None, key.name), |(section, name)| (Some(section), name));
        if section != this {
            let several = this.is_some_and(keys::is_list);
            let _ = write!(out, "\n{}{}\n", if several { "#" } else { "" }, this.map_or_else(String::new, head));
            section = this;
        } else {
            out.push('\n');
        }
        comment(&mut out, key);
        let _ = match key.default {
            Default::Required { example } if this.is_some_and(keys::is_list) => writeln!(out, "#{name} = {example}"),
            Default::Required { example } => writeln!(out, "{name} = {example}"),
            Default::Is { value, .. } => writeln!(out, "#{name} = {value}"),
            Default::Unset { example, .. } => writeln!(out, "#{name} = {example}"),
        };
    }
    out
}

/// What stands above the keys of a section.
fn head(section: &str) -> String {
    if keys::is_list(section) { format!("[[{section}]]") } else { format!("[{section}]") }
}

/// Below the head of a section of which there can be several.
const SEVERAL: &str =
    "There can be several, and their order matters: the first one that fits wins. `docs/routing.md` has examples.\n";

fn comment(out: &mut String, key: &Key) {
    let more = match key.default {
        Default::Unset { means, .. } => format!(" Not set: {means}"),
        _ => String::new(),
    };
    let mut line = String::from("#");
    for word in format!("{}{more}", key.doc).split_whitespace() {
        if line.chars().count() + 1 + word.chars().count() > 110 {
            let _ = writeln!(out, "{line}");
            line = String::from("#");
        }
        let _ = write!(line, " {word}");
    }
    let _ = writeln!(out, "{line}");
}
