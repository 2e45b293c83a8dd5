//! Writing options: the length is filled in after the payload is there.

/// A payload or a message does not fit the 16 bits of a length field.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("an option or a message is longer than 65535 octets")]
pub struct TooLong;

/// Appends one option: code, length, and what `payload` writes.
///
/// # Errors
/// [`TooLong`] where the payload does not fit; `octets` is then as before.
pub(super) fn option(
    octets: &mut Vec<u8>,
    code: u16,
    payload: impl FnOnce(&mut Vec<u8>) -> Result<(), TooLong>,
) -> Result<(), TooLong> {
    let before = octets.len();
    octets.extend_from_slice(&code.to_be_bytes());
    octets.extend_from_slice(&[0; 2]);
    let start = octets.len();
    let written = payload(octets)
        .and_then(|()| u16::try_from(octets.len().saturating_sub(start)).map_err(|_| TooLong));
    match written {
        Ok(length) => {
            // The two octets before `start` were appended above.
            if let Some(field) = octets.get_mut(start.saturating_sub(2)..start) {
                field.copy_from_slice(&length.to_be_bytes());
            }
            Ok(())
        }
        Err(too_long) => {
            octets.truncate(before);
            Err(too_long)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_length_is_that_of_the_payload() {
        let mut octets = vec![9];
        option(&mut octets, 23, |o| {
            o.extend_from_slice(&[1, 2, 3]);
            Ok(())
        })
        .unwrap();
        assert_eq!(octets, [9, 0, 23, 0, 3, 1, 2, 3]);
    }

    #[test]
    fn what_does_not_fit_leaves_no_trace() {
        let mut octets = vec![9];
        let result = option(&mut octets, 23, |o| {
            o.resize(70_000, 0);
            Ok(())
        });
        assert_eq!(result, Err(TooLong));
        assert_eq!(octets, [9]);
    }
}
