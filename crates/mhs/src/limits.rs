//! Limits of the services, with their reasons.

use std::time::Duration;

/// Received fields before a letter counts as going in circles (RFC 5321 section 6.3: 100 at least).
pub const HOPS_MAX: usize = 100;

/// Octets of a header that are held in memory while the body streams to disk. A letter with a longer one is refused.
pub const HEADER_OCTETS_MAX: usize = message::limits::HEADER_OCTETS_MAX;

/// Copies of one letter, mailboxes and next hops together. Aliases multiply recipients; one transaction writes them all,
/// and others wait for it.
pub const COPIES_MAX: usize = 5000;

/// Characters of a Message-ID and the like that go into the journal.
pub const JOURNAL_TEXT_MAX: usize = 255;

/// Recipients of one outbound transaction: every server takes 100 (RFC 5321 section 4.5.3.1.8).
pub const OUTBOUND_RECIPIENTS_MAX: usize = 100;

/// Recipients that the outbound side holds in memory, of all destinations: each costs about a kilobyte. The rest of the
/// backlog stays in the store.
pub const OUTBOUND_WINDOW: usize = 4000;

/// Of these, what is fetched from the backlog leaves a quarter free: a new letter goes out at once beside it.
pub const OUTBOUND_WINDOW_BACKLOG: usize = 3000;

/// Of these, for one destination at most, so that a large backlog for one leaves room for the others.
pub const OUTBOUND_WINDOW_EACH: usize = 1000;

/// A destination that sets a rate, or pauses, has no more in memory than goes within this time: the rest waits in the
/// store, and leaves the window to those that can be served.
pub const OUTBOUND_AHEAD: Duration = Duration::from_secs(10);

/// Of these, for one destination that has not talked to us yet, or not since a rest: no more than one letter is risked
/// before it is known to be alive.
pub const OUTBOUND_PROBE_RECIPIENTS: usize = OUTBOUND_RECIPIENTS_MAX;

/// Of one sender's recipients, at all destinations together and at one: a huge list leaves room for everybody else.
pub const OUTBOUND_LANE: usize = 1000;
/// See [`OUTBOUND_LANE`]. Some letters to as many recipients as a letter goes to at once.
pub const OUTBOUND_LANE_EACH: usize = 250;

/// Recipients of one sender that make him a person and not a list. So many have room although their destination is full;
/// a letter to more at one destination leaves it its last connection.
pub const OUTBOUND_LANE_FEW: usize = 10;

/// Places of the window that are kept for senders who have [`OUTBOUND_LANE_FEW`] at most.
pub const OUTBOUND_WINDOW_FEW: usize = 500;

/// Destinations that something is known of. A dead one costs about a kilobyte: what is known of it (some 400 octets, in
/// nodes of a map that are two thirds full), its name where it stands, where its rest ends and where it is written down,
/// the last words about it, and what the allocator adds; at most 60 MB together. Those beyond wait in the store until
/// others are forgotten.
pub const OUTBOUND_SITES_MAX: usize = 40_000;

/// How long a destination without letters is remembered: its window of connections is of use to the next letter.
pub const OUTBOUND_SITE_KEPT: Duration = Duration::from_secs(600);

/// For so long after a recipient found no room its row may not stand in the store yet: it is being written.
pub const OUTBOUND_PARKED_KEPT: Duration = Duration::from_secs(10);

/// Recipients that one claim takes: one transaction, and others wait for it.
pub const OUTBOUND_CLAIM_MAX: usize = 500;

/// Claims in a row before attempts get their turn.
pub const OUTBOUND_CLAIMS_A_TURN: usize = 4;

/// Destinations with parked letters that are looked at in one step of the walk over all of them, and how often a step is
/// taken: what other nodes or we before a restart have left is found, 500 destinations a second.
pub const OUTBOUND_WALK_STEP: usize = 500;
/// See [`OUTBOUND_WALK_STEP`].
pub const OUTBOUND_WALK_EVERY: Duration = Duration::from_secs(1);

/// How often what is due by the clock is looked for: retries, letters of other processes and nodes, leases that ran out.
pub const OUTBOUND_DUE_EVERY: Duration = Duration::from_secs(1);

/// How often letters are looked for that nobody tries and that are late or over their lifetime.
pub const OUTBOUND_OVERDUE_EVERY: Duration = Duration::from_secs(10);

/// How often destinations of no use are forgotten.
pub const OUTBOUND_FORGET_EVERY: Duration = Duration::from_secs(60);

/// Attempts under way at once that hold a place. A slow peer costs a task and a connection, little more.
pub const OUTBOUND_ATTEMPTS_MAX: usize = 500;

/// Of these, to destinations that have not talked to us lately: a thousand black holes leave room for the others.
pub const OUTBOUND_ATTEMPTS_UNPROVEN: usize = 250;

/// Attempts that have lasted so long that they no longer hold a place: they wait, and others go on. With those that hold
/// one they are as many connections as there may be.
pub const OUTBOUND_ATTEMPTS_SLOW: usize = 500;

/// An attempt that lasts longer than this waits for a peer that hangs, or for a large letter on a narrow line.
pub const OUTBOUND_SLOW_AFTER: Duration = Duration::from_secs(5);

/// The same where the destination has not talked to us lately: these are many in a bad hour, and those that answer do so soon.
pub const OUTBOUND_UNPROVEN_SLOW_AFTER: Duration = Duration::from_secs(1);

/// Places of [`OUTBOUND_ATTEMPTS_UNPROVEN`] that are kept for senders who have few attempts under way, and none that has given
/// its place: whoever writes to many that are silent delays his own mail, and not that of others.
pub const OUTBOUND_UNPROVEN_KEPT: usize = 50;

/// So many are few.
pub const OUTBOUND_UNPROVEN_FEW: usize = 10;

/// When so many wait and other destinations want a place, a host that has said nothing for so long is broken off, and
/// counts as unreachable: while a connection is opened, and from MAIL until it wants the letter. Otherwise it has the five
/// minutes of RFC 5321 section 4.5.3.2; those who let clients wait on purpose do so for less than this.
pub const OUTBOUND_SILENCE_CROWDED: Duration = Duration::from_secs(20);

/// And so much more for each recipient of the letter: some look each of them up.
pub const OUTBOUND_SILENCE_RECIPIENT: Duration = Duration::from_secs(1);

/// Connections that are silent for longer than [`OUTBOUND_SLOW_AFTER`], those to destinations that have not talked to us
/// lately for longer than [`OUTBOUND_UNPROVEN_SLOW_AFTER`], while others want a place and nobody more may wait beside the
/// places. What is more is broken off at once, though [`OUTBOUND_SILENCE_CROWDED`] is not over. So any number of destinations that fall silent together leave places to others.
pub const OUTBOUND_SILENT_MAX: usize = OUTBOUND_ATTEMPTS_SLOW * 4 / 5;

/// Connections that are being opened to one address of a stranger: any number of domains may lead to it. One that answers
/// needs far fewer at a time.
pub const OUTBOUND_OPENING_EACH: usize = 50;

/// How long an attempt waits for its turn with such an address.
pub const OUTBOUND_OPENING_PATIENCE: Duration = Duration::from_secs(10);

/// Connections to a destination that has just talked to us for the first time: as many as Postfix begins with.
pub const OUTBOUND_WINDOW_FIRST: u64 = 5;

/// How long a destination that refused a connection beside others is not asked for so many again.
pub const OUTBOUND_CEILING_KEPT: Duration = Duration::from_secs(600);

/// The first pause of a destination that asks for fewer letters; each further one in a row is twice as long.
pub const OUTBOUND_PAUSE_FIRST: Duration = Duration::from_secs(5);
/// See [`OUTBOUND_PAUSE_FIRST`].
pub const OUTBOUND_PAUSE_MAX: Duration = Duration::from_secs(600);
/// Pauses in a row after which it counts as dead: a destination that is only busy takes a letter between two of them.
pub const OUTBOUND_PAUSES_MAX: u32 = 6;

/// The first rest of a destination that nobody answered for, and the longest; each further one is twice as long. One
/// letter asks after each: that costs so little that nobody waits for hours behind a server that is back.
pub const OUTBOUND_REST_FIRST: Duration = Duration::from_secs(60);
/// See [`OUTBOUND_REST_FIRST`].
pub const OUTBOUND_REST_MAX: Duration = Duration::from_secs(3600);
/// How long a destination is left alone, and a letter waits, when our own name servers were silent: mail of all destinations
/// waits then, and flows within minutes when they are back.
pub const OUTBOUND_UNHEARD_MAX: Duration = Duration::from_secs(5 * 60);

/// Of these, for one destination at most, where the operator or its route says nothing: as many connections as a
/// stranger puts up with. Reached only by a destination that takes letter after letter.
pub const OUTBOUND_ATTEMPTS_EACH: usize = 20;

/// Letters that go one right after the other where a rate is set: a burst beyond that is what a rate is set against.
pub const OUTBOUND_RATE_BURST_MAX: u32 = 50;

/// Destinations of which it is written down at the end what was spent of their rates. Where there are more, the next start
/// waits as after a crash.
pub const OUTBOUND_SPENT_MAX: usize = 10_000;

/// How long that may take: a store that is down must not keep the end waiting.
pub const OUTBOUND_SPENT_PATIENCE: Duration = Duration::from_secs(2);

/// What has waited in memory for longer is looked at in the store before it is tried: the operator may have held or
/// dropped it. Below that, a letter that just came is not worth a read.
pub const OUTBOUND_FRESH: Duration = Duration::from_secs(2);

/// Batches that a worker carries to one destination before others have their turn.
pub const OUTBOUND_BATCHES_A_TURN: usize = 100;

/// How long a recipient that failed waits for others of the same letter that are in hand, so that a letter whose recipients
/// fail one after the other makes a notice a minute at most. One whose others are done already waits for nothing.
pub const OUTBOUND_GATHER_PATIENCE: Duration = Duration::from_secs(45);

/// Recipients that wait so at once. They keep their places in the window, so they may be no large part of it.
pub const OUTBOUND_GATHERED_MAX: usize = 1_000;

/// Outcomes that are settled in one transaction.
pub const OUTBOUND_SETTLE_MAX: usize = 500;

/// Senders under which a destination is filed among those that may begin: one more than can have as many attempts under
/// way as one sender may, half of [`OUTBOUND_ATTEMPTS_UNPROVEN`], at once.
pub const OUTBOUND_LANES_FILED: usize = 2 * OUTBOUND_ATTEMPTS_MAX / OUTBOUND_ATTEMPTS_UNPROVEN + 1;

/// How long a claim is ours without renewal. It is renewed long before; a server that died and is not the only one on
/// its store gives its letters to the others after this time.
pub const OUTBOUND_LEASE: Duration = Duration::from_secs(15 * 60);

/// So long before its end nobody relies on a lease any more: the clocks of two nodes are not quite the same, and a last
/// line takes its time. Less than what is left of one when its renewal has failed once.
pub const OUTBOUND_LEASE_MARGIN: Duration = Duration::from_secs(2 * 60);

/// How long a rest that is over is remembered while nobody has a letter for the destination: longer than the longest
/// back-off of a letter, so that its next attempt still counts as one more in a row.
pub const OUTBOUND_REST_KEPT: Duration = Duration::from_secs(6 * 3600);

/// Longest interval between attempts of a letter that was greylisted: those who greylist take it after minutes.
pub const OUTBOUND_SOON_MAX: Duration = Duration::from_secs(15 * 60);
/// Attempts after which greylisting is not believed any more.
pub const OUTBOUND_SOON_ATTEMPTS: u32 = 12;

/// Addresses of a destination that one attempt tries. Each may cost a connect timeout.
pub const OUTBOUND_HOSTS_MAX: usize = 10;

/// MX hosts of a domain about which no name server has an answer, before the others are not asked for: it is tried later.
pub const OUTBOUND_EXCHANGES_UNKNOWN: usize = 10;

/// How long all these questions together may take. One that no name server answers takes 30 s by itself.
pub const OUTBOUND_LOOKUPS_PATIENCE: Duration = Duration::from_secs(45);

/// How long letters of which the next hop has something already have to end in order when the server stops. The others
/// go back at once.
pub const OUTBOUND_DRAIN: Duration = Duration::from_secs(20);

/// The same when the settings change and others go on meanwhile: nearly as long as a server may take for its last word
/// (RFC 5321 section 4.5.3.2.6). Their leases are renewed meanwhile.
pub const OUTBOUND_DRAIN_BESIDE: Duration = Duration::from_secs(9 * 60);

/// How long letters that were being accepted when mail out was told to end may take to be handed over.
pub const OUTBOUND_HANDED_OVER_LATE: Duration = Duration::from_secs(5);

/// Attempts to settle what an attempt came to once the server is stopping, a second and more apart. Before that there is
/// no end of them: what was delivered and is not settled goes out twice.
pub const OUTBOUND_SETTLE_ATTEMPTS: u32 = 10;

/// A start gives back what its predecessor had claimed; while the store cannot write that down it is repeated after so
/// long, then twice as long each time, up to [`OUTBOUND_SETTLE_PAUSE_MAX`].
pub const OUTBOUND_RECOVER_PAUSE: Duration = Duration::from_millis(500);

/// Longest pause between two of them: the store is back, and the queue goes on, within this time.
pub const OUTBOUND_SETTLE_PAUSE_MAX: Duration = Duration::from_secs(10);

/// A notice returns the whole letter up to this size where the sender did not say; his sent mail has it too.
pub const NOTICE_LETTER_OCTETS: u64 = 64 * 1024;

/// And up to this size where he asked for it by RET=FULL.
pub const NOTICE_LETTER_OCTETS_MAX: u64 = 1024 * 1024;

/// Of the header of a letter that could not be taken, so much is in the notice: it may have been too long itself.
pub const UNSENT_HEADER_OCTETS_MAX: usize = 16 * 1024;

/// A notice that came back is shown to the postmaster whole up to this size: one with a letter of
/// [`NOTICE_LETTER_OCTETS_MAX`], and the report on some thousand recipients.
pub const DOUBLE_BOUNCE_OCTETS_MAX: u64 = 2 * NOTICE_LETTER_OCTETS_MAX;

/// Notices to senders who do not exist here that the postmaster gets instead within [`NOTICES_ASTRAY_WINDOW`]; the journal
/// has the others. He may read a hundred an hour, and no more.
pub const NOTICES_ASTRAY_MAX: u32 = 100;
/// Of these, of one sender: a program under a made-up name writes the same again and again.
pub const NOTICES_ASTRAY_OF_ONE: u32 = 10;
/// See [`NOTICES_ASTRAY_MAX`].
pub const NOTICES_ASTRAY_WINDOW: Duration = Duration::from_secs(3600);

/// Notices from other servers that are taken for one sender whom an address of ours stands for (SRS), within
/// [`RETURNING_WINDOW`]. The address stands in every letter that was forwarded, and whoever knows it may write to him with
/// the null reverse-path: a letter that fails brings one notice, a flood is no news. What is more comes again later.
pub const RETURNING_TO_ONE: u32 = 30;
/// See [`RETURNING_TO_ONE`]: for all such senders together, which bounds the memory as well.
pub const RETURNING_MAX: u32 = 1000;
/// See [`RETURNING_TO_ONE`].
pub const RETURNING_WINDOW: Duration = Duration::from_secs(3600);

/// How long a connection to a next hop may take to come to stand (RFC 1123 section 5.3.1.1 leaves it open; networks that
/// answer at all do so in seconds).
pub const OUTBOUND_CONNECT_PATIENCE: Duration = Duration::from_secs(30);

/// The same while the destination has other addresses to try: one that answers nothing must not cost every letter half a
/// minute. Three SYNs fit into it (at once, after 1 s and after 3 s).
pub const OUTBOUND_CONNECT_PATIENCE_OTHERS: Duration = Duration::from_secs(5);

/// How long an address that answered nothing is tried after the others.
pub const OUTBOUND_BLACK_HOLE_MEMORY: Duration = Duration::from_secs(10 * 60);

/// Addresses that this is remembered of; each costs some 60 octets.
pub const OUTBOUND_BLACK_HOLES_MAX: usize = 10_000;

/// Octets of a file with the password for a next hop; only its first line counts.
pub const PASSWORD_FILE_OCTETS_MAX: u64 = 4096;

/// Idle connections that are kept for the next letter, in all; each costs some kilobytes on both sides.
pub const OUTBOUND_IDLE_MAX: usize = 200;

/// Of these, to one host.
pub const OUTBOUND_IDLE_EACH: usize = 10;

/// How long an idle connection is kept. A server counts idle clients against its limits, so not for long.
pub const OUTBOUND_IDLE_PATIENCE: Duration = Duration::from_secs(8);

/// Letters on one connection, before load balancing gets its turn. Where LIMITS names fewer, that counts.
pub const OUTBOUND_MAILS_MAX: u64 = 100;

/// A longer letter is not made one in 7 bits for a server that takes no other: it is held in memory for that. All that are
/// converted or on their way converted share two and a half times as much.
pub const OUTBOUND_CONVERTED_OCTETS_MAX: u64 = 64 * 1024 * 1024;

/// How long a letter waits for that memory: a server hangs up on who says nothing for five minutes.
pub const OUTBOUND_CONVERTING_PATIENCE: Duration = Duration::from_secs(60);

/// Octets of a letter that are read and sent at once.
pub const OUTBOUND_PIECE_OCTETS: u64 = 128 * 1024;

/// MTA-STS policies that are kept. Some tens of thousands of domains have one, and a row has a kilobyte; who makes up
/// domains to push others out pushes out first what nobody writes to.
pub const STS_POLICIES_MAX: i64 = 20_000;

/// For so long what was found about a domain's policy is taken as it is. A letter that comes within this time costs no
/// question to the DNS and none to the store.
pub const STS_PATIENCE: Duration = Duration::from_secs(60);

/// The same after a policy could not be fetched: RFC 8461 section 3.3 names five minutes, so that our letters are no attack on
/// a web server that is down.
pub const STS_PATIENCE_AFTER_FAILURE: Duration = Duration::from_secs(300);

/// Domains of which it is remembered; each costs some hundred octets.
pub const STS_MEMORY_MAX: usize = 10_000;

/// A policy is fetched anew after a day, so that it does not run out (RFC 8461 section 10.2).
pub const STS_REFRESH_AFTER: Duration = Duration::from_secs(86_400);

/// When that fails it is tried again after so long.
pub const STS_REFRESH_PAUSE: Duration = Duration::from_secs(3600);

/// How often it is looked for such policies.
pub const STS_REFRESH_EVERY: Duration = Duration::from_secs(600);

/// Policies that are fetched anew at one time: each is a connection to somebody.
pub const STS_REFRESH_MAX: usize = 200;

/// A policy that nobody asked for during so long is not fetched anew any more.
pub const STS_UNUSED_MAX: Duration = Duration::from_secs(31 * 86_400);

/// That a policy was asked for is written down so often at most.
pub const STS_USED_GRAIN: Duration = Duration::from_secs(86_400);

/// Sessions that wait to be counted for TLS reports; each has some hundred octets.
pub const TLSRPT_WAITING_MAX: usize = 4096;

/// Sessions, or reports, that one transaction takes.
pub const TLSRPT_BATCH_MAX: usize = 500;

/// How long sessions gather before they are counted: one transaction for many.
pub const TLSRPT_BATCH_PATIENCE: Duration = Duration::from_secs(5);

/// Policies of domains that are counted in a day. Beyond it the rest of the day's new ones are not: a report that is
/// missing does no harm.
pub const TLSRPT_DAY_MAX: i64 = 100_000;

/// Kinds of failures with one domain that are told apart, under one policy on one day.
pub const TLSRPT_FAILURES_MAX: i64 = 100;

/// Days whose counters are kept, today and two before it: a report about yesterday is tried for a day.
pub const TLSRPT_DAYS_KEPT: i64 = 2;

/// How often it is looked whether a report is due.
pub const TLSRPT_EVERY: Duration = Duration::from_secs(300);

/// A report that was not taken is tried again after so long.
pub const TLSRPT_RETRY_PAUSE: Duration = Duration::from_secs(3600);

/// Reports are spread over so long after midnight, so that not all senders come at once (RFC 8460 section 4.1 names four
/// hours).
pub const TLSRPT_SPREAD: Duration = Duration::from_secs(4 * 3600);

/// Of what a web server says to a report, so much is read and thrown away.
pub const TLSRPT_ANSWER_OCTETS_MAX: usize = 64 * 1024;

/// Domains that are listed for the operator.
pub const TLSRPT_LISTED_MAX: i64 = 10_000;

/// Hosts of which it is remembered how well they could once be talked to; a row has some 60 octets.
pub const TLS_HOSTS_MAX: i64 = 100_000;

/// A host that was not talked to for so long is forgotten.
pub const TLS_HOST_FORGOTTEN: Duration = Duration::from_secs(180 * 86_400);

/// That a host was seen unchanged is written down so often at most.
pub const TLS_HOST_GRAIN: Duration = Duration::from_secs(86_400);

/// Domains of ours in which VRFY looks for a name that comes without one: each is a lookup. Who has more is asked for the
/// whole address.
pub(crate) const NAME_DOMAINS_MAX: usize = 20;
