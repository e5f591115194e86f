//! What every engine must do, said once. Each check takes a store that was opened with [`TABLES`].
#![allow(dead_code, unreachable_pub, reason = "each test binary uses its own part")]

pub mod bodies;
pub mod rows;
pub mod upkeep;

use storage::Migrations;

/// Tables for the checks.
pub const TABLES: &[Migrations] = &[Migrations {
    area: "check",
    steps: &[
        "CREATE TABLE check_letter (account BIGINT NOT NULL, uid BIGINT NOT NULL, subject TEXT, raw BYTEA, body BIGINT,
            PRIMARY KEY (account, uid)) /* clustered */;
         CREATE TABLE check_box (account BIGINT PRIMARY KEY, uidnext BIGINT NOT NULL);",
        "CREATE TABLE check_name (name TEXT PRIMARY KEY, number BIGINT NOT NULL)",
    ],
}];

/// Octets that differ from block to block and do not compress to nothing.
pub fn octets(length: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    (0..length)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state.to_le_bytes()[3] & 0x7F
        })
        .collect()
}
