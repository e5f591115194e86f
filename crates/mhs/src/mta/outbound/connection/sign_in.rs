//! Signing in at a next hop (RFC 4954), by the strongest mechanism that both sides have.
//!
//! PLAIN and LOGIN show the password to the other side, so they are used only where it is known who that is: over TLS
//! whose certificate was verified. An operator who says `tls = "required"` for a route takes any certificate for good.
//! SCRAM shows nothing, and proves that the server knows the password, so it needs no more.

use envelope::SessionId;
use journal::{Event as Happened, Service};
use net::{Conversation, Gone, Verdict, clock};
use protocol::sasl::{self, Mechanism, Secret};
use protocol::smtp::client::{Client, Event, Problem};
use tokio::io::AsyncReadExt as _;

use super::Journaled;
use crate::limits::PASSWORD_FILE_OCTETS_MAX;
use crate::mta::outbound::tls::TlsPolicy;
use crate::mta::outbound::trouble::{self, Useless};
use crate::route::Credentials;

/// Signs in. What goes wrong is never final: it is between the operator and his provider, and the letters wait. Their
/// senders hear nothing of what the server said: it may have repeated what we sent.
pub(super) async fn sign_in(
    context: &Journaled,
    session: SessionId,
    conversation: &mut Conversation<Client>,
    credentials: &Credentials,
    policy: TlsPolicy,
) -> Result<(), Useless> {
    let client = match choose(conversation, credentials, policy).await {
        Ok(client) => client,
        Err(Unfit { text, detail }) => {
            refused(context, session, conversation, credentials, "", &format!("{text}{detail}"));
            return Err(given_up(conversation, Some(&text)).await);
        }
    };
    let mechanism = client.mechanism().name();
    conversation.session().authenticate(clock::instant(), client);
    loop {
        match conversation.next().await {
            Ok(Some(Event::SignedIn)) => return Ok(()),
            // Only the codes are the server's own.
            Ok(Some(Event::SignInRefused(reply) | Event::Lost { problem: Problem::Refused(reply), .. })) => {
                refused(context, session, conversation, credentials, mechanism, &reply.to_string());
                return Err(given_up(conversation, None).await);
            }
            Ok(Some(Event::Lost { problem, .. })) => return Err(trouble::problem(&problem)),
            Ok(Some(_)) => {}
            Ok(None) => return Err(trouble::gone(&Gone::Peer)),
            Err(gone) => return Err(trouble::gone(&gone)),
        }
    }
}

/// Says goodbye, and what was said until then; with a word of ours where nothing was.
async fn given_up(conversation: &mut Conversation<Client>, why: Option<&str>) -> Useless {
    let mut dialogue = conversation.session().dialogue();
    if let Some(why) = why {
        dialogue.push_str(&format!("         -- {why}\n"));
    }
    conversation.session().quit(clock::instant());
    let _ = conversation.next().await;
    trouble::not_signed_in(dialogue)
}

/// Why we do not even try.
struct Unfit {
    /// For the dialogue.
    text: String,
    /// What more the journal is told: names and paths.
    detail: String,
}

impl Unfit {
    fn new(text: &str) -> Self {
        Self { text: text.to_owned(), detail: String::new() }
    }
}

/// The mechanism, with the password in hand; or why there is none.
async fn choose(
    conversation: &mut Conversation<Client>,
    credentials: &Credentials,
    policy: TlsPolicy,
) -> Result<Box<dyn sasl::client::Client>, Unfit> {
    let known = matches!(conversation.verdict(), Some(Verdict::Verified | Verdict::Dane));
    let may_show = known || policy == TlsPolicy::Required;
    let client = conversation.session();
    let offered: Vec<Mechanism> =
        client.extensions().auth.iter().filter_map(|name| Mechanism::parse(name.as_bytes())).collect();
    if offered.is_empty() {
        return Err(Unfit::new("the server offers no way to sign in that we know"));
    }
    let fit: Vec<Mechanism> = offered.iter().copied().filter(|one| may_show || !one.shows_password()).collect();
    let password = password(credentials).await?;
    let chosen = sasl::client::best(&fit, &credentials.user, &password, client.tls());
    match chosen {
        Ok(Some(chosen)) => Ok(chosen),
        Ok(None) => Err(Unfit::new("the server wants the password itself, which goes over verified TLS only")),
        Err(_) => Err(Unfit {
            text: "our name there or its password has characters that no sign-in takes".to_owned(),
            detail: format!(": {:?}", credentials.user),
        }),
    }
}

/// The first line of the file.
async fn password(credentials: &Credentials) -> Result<Secret, Unfit> {
    let path = credentials.password_file.display();
    let unread = "our password for the server cannot be read";
    let bad = |error: std::io::Error| Unfit { text: unread.to_owned(), detail: format!(" from {path}: {error}") };
    let mut bytes = Vec::new();
    let file = tokio::fs::File::open(&credentials.password_file).await.map_err(bad)?;
    file.take(PASSWORD_FILE_OCTETS_MAX).read_to_end(&mut bytes).await.map_err(bad)?;
    let end = bytes.iter().position(|byte| matches!(byte, b'\r' | b'\n')).unwrap_or(bytes.len());
    bytes.truncate(end);
    if bytes.is_empty() {
        return Err(Unfit { text: unread.to_owned(), detail: format!(": there is none in {path}") });
    }
    Ok(Secret::new(bytes))
}

fn refused(
    context: &Journaled,
    session: SessionId,
    conversation: &Conversation<Client>,
    credentials: &Credentials,
    mechanism: &str,
    reason: &str,
) {
    let (user, mechanism, reason) = (credentials.user.clone(), mechanism.to_owned(), reason.to_owned());
    let peer = Some(conversation.peer().ip()).filter(|ip| !ip.is_unspecified());
    let event = Happened::SignInRefused { service: Service::Outbound, user, mechanism, reason, peer };
    context.record(session, event);
}
