//! What `angelia config check` says of routes: what is wrong on this machine, and what is right but surely not meant.

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use directory::DomainPattern;
use mhs::mta::outbound::tls::TlsPolicy;

use crate::config::{Settings, table};
use crate::wiring::Ground;

/// What keeps a route from working.
pub(in crate::cli) fn wrong(settings: &Settings) -> Vec<String> {
    let mut wrong = Vec::new();
    for one in &settings.routes {
        let Some(credentials) = &one.route.options.credentials else { continue };
        let path = credentials.password_file.display();
        let said = match std::fs::read(&credentials.password_file) {
            Ok(bytes) if bytes.first().is_none_or(|byte| matches!(byte, b'\r' | b'\n')) => {
                format!("{path} has no password in its first line")
            }
            Ok(_) => continue,
            Err(error) => format!("{path}: {error}"),
        };
        wrong.push(format!("line {}: `route.password_file`: {said}", one.line));
    }
    wrong
}

/// What an operator should look at again.
pub(in crate::cli) fn warnings(settings: &Settings) -> Vec<String> {
    let mut warnings = Vec::new();
    let line = |index: usize| settings.routes.get(index).map_or(0, |one| one.line);
    for (index, shade) in table(settings).shadowed() {
        let text = "never taken: the [[route]] of line";
        warnings.push(format!("line {}: this [[route]] is {text} {} takes all of its mail", line(index), line(shade)));
    }
    for one in &settings.routes {
        let options = &one.route.options;
        let Some(credentials) = &options.credentials else { continue };
        let lax = match options.tls {
            Some(TlsPolicy::Required) => "the password goes to whoever answers, since no certificate is asked for",
            Some(TlsPolicy::Opportunistic | TlsPolicy::Never) => "only SCRAM can sign in, since TLS is not verified",
            Some(TlsPolicy::Verify | TlsPolicy::Dane) | None => "",
        };
        if !lax.is_empty() {
            warnings.push(format!("line {}: `route.tls`: {lax}; \"verify\" is better", one.line));
        }
        if is_open(&credentials.password_file) {
            let path = credentials.password_file.display();
            let text = "everybody on this machine can read the password; say `chmod o-r`";
            warnings.push(format!("line {}: `route.password_file`: {path}: {text}", one.line));
        }
    }
    warnings
}

fn is_open(path: &Path) -> bool {
    path.metadata().is_ok_and(|about| about.mode() & 0o004 != 0)
}

/// Domains of ours that a route, or the list of relay domains, names: mail for them stays here.
pub(in crate::cli) async fn own_domains(settings: &Settings) -> Vec<String> {
    let mut named: Vec<(String, envelope::Domain)> = Vec::new();
    for (index, domain) in table(settings).named() {
        let line = settings.routes.get(index).map_or(0, |one| one.line);
        named.push((format!("line {line}: `route.domain`"), domain));
    }
    for pattern in settings.relay_domains.patterns() {
        if let DomainPattern::Exact(domain) = pattern {
            named.push(("`relay.domains`".to_owned(), domain.clone()));
        }
    }
    if named.is_empty() || !settings.data.is_dir() {
        return Vec::new();
    }
    if crate::privileges::become_keeper(settings.user.as_deref(), &settings.data).is_err() {
        return Vec::new();
    }
    let Ok(ground) = Ground::open(settings).await else { return Vec::new() };
    let mut warnings = Vec::new();
    for (place, domain) in named {
        if ground.directory.is_local(&domain).await.unwrap_or(false) {
            warnings.push(format!("{place}: {domain} is a domain of ours, so its mail stays here all the same"));
        }
    }
    warnings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(folder: &Path, text: &str) -> Settings {
        crate::config::parse(&format!("hostname = \"a.test\"\n{text}"), folder).unwrap()
    }

    #[test]
    fn passwords_are_there_and_kept() {
        let folder = tempfile::tempdir().unwrap();
        let text = "[[route]]\nto = \"smtp://b.test\"\nuser = \"anna\"\npassword_file = \"secret\"\n";
        let own = settings(folder.path(), text);
        assert!(wrong(&own)[0].contains("line 2: `route.password_file`: ") && wrong(&own)[0].contains("No such file"));
        let path = folder.path().join("secret");
        std::fs::write(&path, "\nsecret").unwrap();
        assert!(wrong(&own)[0].ends_with("has no password in its first line"));
        std::fs::write(&path, "secret\n").unwrap();
        assert!(wrong(&own).is_empty());
        for (mode, warned) in [(0o644, 1), (0o640, 0), (0o600, 0)] {
            std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(mode)).unwrap();
            assert_eq!(warnings(&own).len(), warned, "{mode:o}");
        }
        let lax = settings(folder.path(), &format!("{text}tls = \"required\"\n"));
        assert!(warnings(&lax)[0].contains("goes to whoever answers"), "{:?}", warnings(&lax));
    }

    #[test]
    fn a_route_that_no_letter_takes_is_named() {
        let own = settings(
            Path::new("/"),
            "[[route]]\nto = \"smtp://b.test\"\n[[route]]\ndomain = \"c.test\"\nto = \"mx\"\n",
        );
        let wanted = "line 4: this [[route]] is never taken: the [[route]] of line 2 takes all of its mail";
        assert_eq!(warnings(&own), [wanted]);
    }
}
