//! The bounded walk over options: code, length, payload (RFC 9915 §21.1).
//!
//! [`survey`] looks once over a whole message before anything is decoded and
//! refuses what is nested too deep or has too many options, in a bounded
//! number of steps. After it, decoding cannot cost more than it allowed.

use crate::reason::DropReason;

use super::code;

/// The most options in one message, on all levels together. The largest
/// honest answers have a few dozen.
pub const MAX_OPTIONS: usize = 512;

/// The deepest nesting of options: IA_PD, IAPREFIX and the options in it are
/// three; softwire rules in their containers are three as well.
pub const MAX_DEPTH: usize = 4;

/// The octets of an option's header: code and length.
const HEADER: usize = 4;

/// An option as it stands in the octets.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct RawOption<'a> {
    /// The option's code.
    pub code: u16,
    /// What follows code and length.
    pub payload: &'a [u8],
}

/// The length field of an option points beyond the end.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Overrun;

/// Walks the options in some octets, in order. Ends after the first overrun.
///
/// One to three octets at the very end, too few for an option, are ignored:
/// real providers pad.
#[derive(Clone, Debug)]
pub struct Options<'a>(&'a [u8]);

impl<'a> Options<'a> {
    /// Starts at the front of `octets`.
    #[must_use]
    pub const fn new(octets: &'a [u8]) -> Self {
        Self(octets)
    }
}

impl<'a> Iterator for Options<'a> {
    type Item = Result<RawOption<'a>, Overrun>;

    fn next(&mut self) -> Option<Self::Item> {
        let (header, rest) = self.0.split_first_chunk::<HEADER>()?;
        let [c1, c0, l1, l0] = *header;
        let length = usize::from(u16::from_be_bytes([l1, l0]));
        let Some((payload, rest)) = rest.split_at_checked(length) else {
            self.0 = &[];
            return Some(Err(Overrun));
        };
        self.0 = rest;
        Some(Ok(RawOption { code: u16::from_be_bytes([c1, c0]), payload }))
    }
}

/// What [`survey`] saw.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Survey {
    /// Options on all levels.
    pub options: usize,
}

/// Counts and measures all options of a message, given without its header.
///
/// # Errors
/// [`DropReason::OptionMalformed`] for an overrun at the top level,
/// [`DropReason::TooManyOptions`] and [`DropReason::TooDeep`] as they say. An
/// overrun further down is left to the decoder of that option.
pub fn survey(octets: &[u8]) -> Result<Survey, DropReason> {
    let mut seen = Survey::default();
    // The levels still to be walked, outermost first; the depth bounds it.
    let mut levels: [Options<'_>; MAX_DEPTH] = core::array::from_fn(|_| Options::new(&[]));
    let mut depth = 0_usize;
    if let Some(top) = levels.first_mut() {
        *top = Options::new(octets);
    }
    loop {
        let Some(level) = levels.get_mut(depth) else {
            return Err(DropReason::TooDeep);
        };
        match level.next() {
            Some(Ok(option)) => {
                seen.options = seen.options.saturating_add(1);
                if seen.options > MAX_OPTIONS {
                    return Err(DropReason::TooManyOptions);
                }
                if let Some(inner) = contents(&option) {
                    depth = depth.saturating_add(1);
                    match levels.get_mut(depth) {
                        Some(below) => *below = Options::new(inner),
                        None => return Err(DropReason::TooDeep),
                    }
                }
            }
            Some(Err(Overrun)) if depth == 0 => return Err(DropReason::OptionMalformed),
            Some(Err(Overrun)) | None => match depth.checked_sub(1) {
                Some(above) => depth = above,
                None => return Ok(seen),
            },
        }
    }
}

/// The encapsulated options of a container with something in it.
fn contents<'a>(option: &RawOption<'a>) -> Option<&'a [u8]> {
    let fixed = match option.code {
        code::IA_NA | code::IA_PD => 12,
        code::IA_TA => 4,
        code::IAADDR => 24,
        code::IAPREFIX => 25,
        _ => return None,
    };
    option.payload.get(fixed..).filter(|inner| inner.len() >= HEADER)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tlv(code: u16, payload: &[u8]) -> Vec<u8> {
        let length = u16::try_from(payload.len()).unwrap();
        [&code.to_be_bytes()[..], &length.to_be_bytes(), payload].concat()
    }

    #[test]
    fn options_come_in_order_with_their_payload() {
        let octets = [tlv(7, &[255]), tlv(0, &[]), tlv(65000, &[1, 2, 3])].concat();
        let walked: Vec<_> = Options::new(&octets).map(|o| o.unwrap()).collect();
        assert_eq!(walked.iter().map(|o| o.code).collect::<Vec<_>>(), [7, 0, 65000]);
        assert_eq!(walked[2].payload, [1, 2, 3]);
    }

    /// A provider sends one zero octet after the last
    /// option.
    #[test]
    fn one_to_three_trailing_octets_are_accepted() {
        for trailing in 0..4 {
            let octets = [tlv(7, &[0]), vec![0; trailing]].concat();
            assert_eq!(survey(&octets), Ok(Survey { options: 1 }), "{trailing}");
        }
    }

    #[test]
    fn an_overrun_at_the_top_level_loses_the_message() {
        for tail in [&[0, 3, 0xff, 0xff][..], &[0, 25, 0xff, 0xf0, 0, 0, 0, 0]] {
            let octets = [tlv(7, &[0]), tail.to_vec()].concat();
            assert_eq!(survey(&octets), Err(DropReason::OptionMalformed));
        }
    }

    /// 64 KiB of containers, eight thousand deep, are
    /// refused at the depth limit, not at the bottom.
    #[test]
    fn a_nest_eight_thousand_deep_is_refused_after_a_few_steps() {
        let nest: Vec<u8> = (1..=8000_u16)
            .rev()
            .flat_map(|inner| {
                let length = 4 + 8 * (inner - 1);
                [&code::IA_TA.to_be_bytes()[..], &length.to_be_bytes(), &[0; 4]].concat()
            })
            .collect();
        assert_eq!(nest.len(), 64_000);
        assert_eq!(survey(&nest), Err(DropReason::TooDeep));
    }

    #[test]
    fn too_many_options_are_refused() {
        let octets = tlv(65000, &[]).repeat(MAX_OPTIONS);
        assert_eq!(survey(&octets), Ok(Survey { options: MAX_OPTIONS }));
        let octets = tlv(65000, &[]).repeat(16_000);
        assert_eq!(survey(&octets), Err(DropReason::TooManyOptions));
    }

    #[test]
    fn an_overrun_further_down_is_left_to_the_decoder() {
        let ia = tlv(code::IA_PD, &[&[0; 12][..], &[0, 26, 0, 25]].concat());
        assert_eq!(survey(&ia), Ok(Survey { options: 1 }));
    }
}
