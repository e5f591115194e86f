//! Values on PostgreSQL's wire: binary, as the server says it wants or has them.

use std::error::Error as StdError;

use tokio_postgres::types::private::BytesMut;
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, to_sql_checked};

use crate::Value;

type Fault = Box<dyn StdError + Sync + Send>;

impl ToSql for Value {
    fn to_sql(&self, wanted: &Type, out: &mut BytesMut) -> Result<IsNull, Fault> {
        match self {
            Self::Null => Ok(IsNull::Yes),
            Self::Int(value) => match *wanted {
                Type::INT8 => value.to_sql(wanted, out),
                Type::INT4 => i32::try_from(*value)?.to_sql(wanted, out),
                Type::INT2 => i16::try_from(*value)?.to_sql(wanted, out),
                Type::NUMERIC => {
                    encode_numeric(*value, out);
                    Ok(IsNull::No)
                }
                _ => Err(mismatch("a BIGINT", wanted)),
            },
            Self::Text(value) => match *wanted {
                Type::TEXT | Type::VARCHAR | Type::NAME | Type::UNKNOWN => value.to_sql(wanted, out),
                _ => Err(mismatch("a TEXT", wanted)),
            },
            Self::Blob(value) => match *wanted {
                Type::BYTEA => value.to_sql(wanted, out),
                _ => Err(mismatch("a BYTEA", wanted)),
            },
        }
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

/// A column as it came.
pub(super) struct Cell(pub(super) Value);

impl<'a> FromSql<'a> for Cell {
    fn from_sql(found: &Type, raw: &'a [u8]) -> Result<Self, Fault> {
        Ok(Self(match *found {
            Type::INT8 => Value::Int(i64::from_sql(found, raw)?),
            Type::INT4 => Value::Int(i32::from_sql(found, raw)?.into()),
            Type::INT2 => Value::Int(i16::from_sql(found, raw)?.into()),
            Type::BOOL => Value::Int(bool::from_sql(found, raw)?.into()),
            // SUM of BIGINT is NUMERIC.
            Type::NUMERIC => Value::Int(decode_numeric(raw)?),
            Type::TEXT | Type::VARCHAR | Type::NAME | Type::UNKNOWN => Value::Text(String::from_sql(found, raw)?),
            Type::BYTEA => Value::Blob(raw.to_vec()),
            _ => return Err(format!("a column of type {found}").into()),
        }))
    }

    fn from_sql_null(_: &Type) -> Result<Self, Fault> {
        Ok(Self(Value::Null))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

fn mismatch(what: &str, wanted: &Type) -> Fault {
    format!("{what} where {wanted} is wanted").into()
}

/// Digits to the base of 10,000: their number, the weight of the first, the sign, the scale, the digits.
fn encode_numeric(value: i64, out: &mut BytesMut) {
    let mut left = value.unsigned_abs();
    let mut digits = Vec::new();
    while left > 0 {
        digits.push((left % 10_000) as u16);
        left /= 10_000;
    }
    digits.reverse();
    let count = digits.len() as u16;
    let sign: u16 = if value < 0 { 0x4000 } else { 0 };
    for number in [count, count.wrapping_sub(u16::from(count > 0)), sign, 0].into_iter().chain(digits) {
        out.extend_from_slice(&number.to_be_bytes());
    }
}

/// A whole number that fits, or an error.
fn decode_numeric(raw: &[u8]) -> Result<i64, Fault> {
    let mut numbers = raw.chunks_exact(2).map(|two| u16::from_be_bytes([two[0], two[1]]));
    let mut next = || numbers.next().ok_or("a NUMERIC that is cut short");
    let (count, weight, sign, _scale) = (next()?, next()?.cast_signed(), next()?, next()?);
    let mut value: i128 = 0;
    for _ in 0..count {
        value =
            value.checked_mul(10_000).and_then(|value| value.checked_add(next().ok()?.into())).ok_or("too large")?;
    }
    // Digits behind the first that are zero are not sent.
    for _ in i32::from(count)..=i32::from(weight) {
        value = value.checked_mul(10_000).ok_or("a NUMERIC too large for BIGINT")?;
    }
    if i32::from(count) > i32::from(weight) + 1 {
        return Err("a NUMERIC with a fraction".into());
    }
    match sign {
        0 => Ok(i64::try_from(value)?),
        0x4000 => Ok(i64::try_from(-value)?),
        _ => Err("a NUMERIC that is no number".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numerics_come_back_as_they_were() {
        for value in [0, 1, -1, 9_999, 10_000, 10_001, 100_000_000, 123_456_789_012, i64::MAX, i64::MIN] {
            let mut out = BytesMut::new();
            encode_numeric(value, &mut out);
            assert_eq!(decode_numeric(&out).unwrap(), value);
        }
        assert_eq!(decode_numeric(&[0, 1, 0, 1, 0, 0, 0, 0, 0, 5]).unwrap(), 50_000);
        assert!(decode_numeric(&[0, 1, 255, 255, 0, 0, 0, 2, 19, 136]).is_err());
        assert!(decode_numeric(&[0, 9]).is_err());
    }
}
