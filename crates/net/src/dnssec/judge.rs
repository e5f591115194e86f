//! Our own judgement of an answer: hickory follows the signatures, and we ask a second time where its word alone would
//! stop mail or let a forger through.
//!
//! An answer that it takes for tampered with, or for one without records in a zone that signs nothing, is believed
//! only after the chain of delegations has been walked from the top: a parent that signs says of each child whether it
//! is signed. So an unsigned domain never waits, and a signed one cannot be talked into being unsigned.

use hickory_net::dnssec::DnssecDnsHandle;
use hickory_net::xfer::FirstAnswer as _;
use hickory_net::{DnsError as HickoryDnsError, DnsHandle as _, NetError};
use hickory_proto::dnssec::Proof;
use hickory_proto::dnssec::rdata::{DNSSECRData, NSEC3};
use hickory_proto::op::{Message, Query};
use hickory_proto::rr::{Name, RData, Record, RecordType};

use super::ask::{self, Asker};
use super::{Step, failure};
use crate::dns::DnsError;

type Handle = DnssecDnsHandle<Asker>;

/// What stands at a name, and whether it was signed. Tampered with is an error.
pub(super) async fn validated(handle: &Handle, name: &Name, kind: RecordType) -> Result<Step, DnsError> {
    let (answer, proven) = match ask(handle, name, kind).await? {
        Answer::Whole(answer) => (answer, true),
        Answer::Unproven(answer) => (answer, false),
    };
    let at_name = |kind: RecordType| {
        let found = answer.answers.iter().filter(move |one| one.name == *name && one.record_type() == kind);
        found.collect::<Vec<&Record>>()
    };
    let records = at_name(kind);
    if !records.is_empty() {
        let secure = weigh(handle, name, kind, &records).await?;
        return Ok(Step::Records(records.into_iter().map(|one| one.data.clone()).collect(), secure));
    }
    let aliases = at_name(RecordType::CNAME);
    if let Some(RData::CNAME(target)) = aliases.first().map(|one| &one.data) {
        let secure = weigh(handle, name, RecordType::CNAME, &aliases).await?;
        return Ok(Step::Alias(target.0.clone(), secure));
    }
    match denial(name, &answer) {
        Denial::Whole if proven => Ok(Step::Nothing(true)),
        Denial::OptOut if proven => Ok(Step::Nothing(false)),
        _ => unsigned_or_bogus(handle, name, kind).await.map(|()| Step::Nothing(false)),
    }
}

/// What an answer without records proves.
enum Denial {
    /// There is nothing.
    Whole,
    /// There is nothing that is signed: where delegations are left out, an unsigned one may be there (RFC 5155
    /// section 9.2).
    OptOut,
    None,
}

fn denial(name: &Name, answer: &Message) -> Denial {
    let (mut denied, mut left_out, mut at_name) = (false, false, false);
    for record in answer.authorities.iter().filter(|record| record.proof == Proof::Secure) {
        match &record.data {
            RData::DNSSEC(DNSSECRData::NSEC(_)) => denied = true,
            RData::DNSSEC(DNSSECRData::NSEC3(denial)) => {
                denied = true;
                left_out |= denial.opt_out();
                at_name |= matches!(place(denial, &record.name, name), Some(Place::At));
            }
            _ => {}
        }
    }
    match denied {
        true if left_out && !at_name => Denial::OptOut,
        true => Denial::Whole,
        false => Denial::None,
    }
}

enum Answer {
    Whole(Message),
    /// Records, or the lack of them, that the denials in it do not prove.
    Unproven(Message),
}

async fn ask(handle: &Handle, name: &Name, kind: RecordType) -> Result<Answer, DnsError> {
    let query = Query::query(name.clone(), kind);
    match handle.lookup(query, ask::options()).first_answer().await {
        Ok(answer) => Ok(Answer::Whole(answer.into_message())),
        Err(NetError::Dns(HickoryDnsError::Nsec { response, .. })) => Ok(Answer::Unproven(response.into_message())),
        Err(error) => Err(failure(&error)),
    }
}

/// Whether records are signed: all of them, or it must be so that none is.
async fn weigh(handle: &Handle, name: &Name, kind: RecordType, records: &[&Record]) -> Result<bool, DnsError> {
    if records.iter().all(|one| one.proof == Proof::Secure) {
        return Ok(true);
    }
    unsigned_or_bogus(handle, name, kind).await.map(|()| false)
}

/// Fine where the name belongs to a zone that is not signed.
async fn unsigned_or_bogus(handle: &Handle, name: &Name, kind: RecordType) -> Result<(), DnsError> {
    match is_unsigned(handle, name).await? {
        true => Ok(()),
        false => Err(DnsError::Bogus(format!("the {kind} of {name} is not what its zone has signed"))),
    }
}

/// Walks down from the top. What the parent's own signatures say of each delegation is believed, and nothing else.
async fn is_unsigned(handle: &Handle, name: &Name) -> Result<bool, DnsError> {
    let mut zone = Name::root();
    for labels in 1..=usize::from(name.num_labels()) {
        let ancestor = name.trim_to(labels);
        let (answer, proven) = match ask(handle, &ancestor, RecordType::DS).await? {
            Answer::Whole(answer) => (answer, true),
            Answer::Unproven(answer) => (answer, false),
        };
        match delegation(&zone, &ancestor, &answer) {
            Delegation::Unsigned => return Ok(true),
            Delegation::Signed => zone = ancestor,
            Delegation::None if proven => {}
            Delegation::None | Delegation::Unproven => {
                return Err(DnsError::Bogus(format!("nobody proves whether {ancestor} is signed")));
            }
        }
    }
    Ok(false)
}

/// What a parent says of a name.
#[derive(Debug, PartialEq, Eq)]
enum Delegation {
    /// There is one, and the child is signed in a way that we can follow.
    Signed,
    /// There is one, or may be one, and the child is not signed; or the parent itself is not.
    Unsigned,
    /// There is none: the name belongs to its parent's zone, or does not exist.
    None,
    /// Something was tampered with.
    Unproven,
}

/// `zone` is the parent: what another zone says of the name's hash says nothing (RFC 5155 section 8).
fn delegation(zone: &Name, name: &Name, answer: &Message) -> Delegation {
    let mut keys = answer.answers.iter().filter(|one| one.name == *name).filter_map(|one| match &one.data {
        RData::DNSSEC(DNSSECRData::DS(key)) => Some((one.proof, key)),
        _ => None,
    });
    if let Some((proof, first)) = keys.next() {
        let known =
            |key: &hickory_proto::dnssec::rdata::DS| key.algorithm().is_supported() && key.digest_type().is_supported();
        return match proof {
            Proof::Secure if known(first) || keys.any(|(_, key)| known(key)) => Delegation::Signed,
            // Signed in a way that we cannot follow is not signed (RFC 4035 section 5.2).
            Proof::Secure => Delegation::Unsigned,
            _ => Delegation::Unproven,
        };
    }
    let mut proven = false;
    for record in answer.authorities.iter().filter(|record| record.proof == Proof::Secure) {
        let cut = match &record.data {
            RData::DNSSEC(DNSSECRData::NSEC(denial)) if record.name == *name => Some(denial.type_set()),
            RData::DNSSEC(DNSSECRData::NSEC3(denial)) if record.name.base_name() == *zone => {
                match place(denial, &record.name, name) {
                    Some(Place::At) => Some(denial.type_set()),
                    Some(Place::Covered) if denial.opt_out() => return Delegation::Unsigned,
                    _ => None,
                }
            }
            _ => None,
        };
        // Its parent's record, not the one at its own apex (RFC 6840 section 4.4).
        if let Some(types) = cut
            && types.contains(RecordType::NS)
            && !types.contains(RecordType::SOA)
            && !types.contains(RecordType::DS)
        {
            return Delegation::Unsigned;
        }
        proven |= matches!(record.record_type(), RecordType::NSEC | RecordType::NSEC3);
    }
    if proven { Delegation::None } else { Delegation::Unproven }
}

/// Where a name is, seen from an NSEC3 record of its zone (RFC 5155).
enum Place {
    /// The record stands for this very name.
    At,
    /// The name would stand between this record and the next.
    Covered,
}

fn place(denial: &NSEC3, owner: &Name, name: &Name) -> Option<Place> {
    let owner = String::from_utf8(owner.iter().next()?.to_ascii_lowercase()).ok()?;
    let hash = denial.hash_algorithm().hash(denial.salt(), name, denial.iterations()).ok()?;
    let (hash, next) = (base32(hash.as_ref()), base32(denial.next_hashed_owner_name()));
    let covered = match owner < next {
        true => owner < hash && hash < next,
        // The last one of the zone leads to the first.
        false => owner < hash || hash < next,
    };
    match owner == hash {
        true => Some(Place::At),
        false => covered.then_some(Place::Covered),
    }
}

/// Base 32 with the extended hex alphabet, which keeps the order (RFC 4648 section 7), in small letters.
fn base32(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 32] = b"0123456789abcdefghijklmnopqrstuv";
    let bit = |index: usize| bytes.get(index / 8).is_some_and(|octet| octet & (0x80 >> (index % 8)) != 0);
    let letters = (0..(bytes.len() * 8).div_ceil(5)).map(|letter| {
        let value = (0..5).fold(0, |value, at| value << 1 | usize::from(bit(letter * 5 + at)));
        ALPHABET.get(value).copied().map_or('0', char::from)
    });
    letters.collect()
}

#[cfg(test)]
mod tests {
    use super::base32;

    #[test]
    fn base32_keeps_order() {
        for (bytes, text) in [(&b""[..], ""), (b"f", "co"), (b"fo", "cpng"), (b"foobar", "cpnmuoj1e8")] {
            assert_eq!(base32(bytes), text);
        }
    }
}
