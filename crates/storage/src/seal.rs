//! A checksum over the columns of a row that must never be served damaged.

use crate::Value;

/// The seal of these columns: stored in `seal BIGINT` beside them, computed again on every read, compared.
///
/// It finds decay and mistakes, not forgers: whoever can write the row can seal it.
#[must_use]
pub fn seal(columns: &[Value]) -> i64 {
    let mut hasher = blake3::Hasher::new();
    for column in columns {
        match column {
            Value::Null => {
                hasher.update(b"0");
            }
            Value::Int(value) => {
                hasher.update(b"i").update(&value.to_le_bytes());
            }
            Value::Text(value) => {
                hasher.update(b"t").update(&(value.len() as u64).to_le_bytes()).update(value.as_bytes());
            }
            Value::Blob(value) => {
                hasher.update(b"b").update(&(value.len() as u64).to_le_bytes()).update(value);
            }
        }
    }
    let mut first = [0; 8];
    hasher.finalize_xof().fill(&mut first);
    i64::from_le_bytes(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_do_not_run_into_each_other() {
        let one = seal(&["ab".into(), "c".into()]);
        assert_ne!(one, seal(&["a".into(), "bc".into()]));
        assert_ne!(one, seal(&["ab".into(), b"c"[..].into()]));
        assert_ne!(seal(&[Value::Null]), seal(&[]));
        assert_ne!(seal(&[0.into()]), seal(&[Value::Null]));
    }

    #[test]
    fn it_is_the_same_on_every_machine_and_in_every_release() {
        assert_eq!(seal(&[7.into(), "Anna".into(), b"\0"[..].into(), Value::Null]), SEALED);
    }

    const SEALED: i64 = 8_854_597_054_713_869_302;
}
