//! The answer to one identity association (RFC 9915 §18.3.2, §18.3.4 and
//! §18.3.5): grant, extend, or refuse with a status.

use std::net::Ipv6Addr;

use dhc6c_core::prefix::Prefix;
use dhc6c_core::time::{Lifetime, Until};
use dhc6c_core::wire::{
    DhcpOption, Ia, IaAddress, IaPrefix, Message, MessageType, StatusCode, code,
};

use super::store::{Kind, Lease};
use super::{Answering, ModelServer, status};

/// The four times that come with a lease.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Times {
    /// When to renew.
    pub t1: Lifetime,
    /// When to rebind.
    pub t2: Lifetime,
    /// The preferred lifetime.
    pub preferred: Lifetime,
    /// The valid lifetime.
    pub valid: Lifetime,
}

impl Times {
    /// All four, in seconds.
    #[must_use]
    pub const fn new(t1: u32, t2: u32, preferred: u32, valid: u32) -> Self {
        Self {
            t1: Lifetime(t1),
            t2: Lifetime(t2),
            preferred: Lifetime(preferred),
            valid: Lifetime(valid),
        }
    }

    const fn ended(self) -> Self {
        Self { preferred: Lifetime::ZERO, valid: Lifetime::ZERO, ..self }
    }
}

/// The association in an option, if it is one.
pub(super) fn of(option: &DhcpOption) -> Option<(Kind, &Ia)> {
    match option {
        DhcpOption::IaNa(ia) => Some((Kind::Addresses, ia)),
        DhcpOption::IaPd(ia) => Some((Kind::Prefixes, ia)),
        _ => None,
    }
}

/// What a client says it has, or would like.
pub(super) fn leases(ia: &Ia) -> Vec<Lease> {
    let addresses = ia.addresses().map(|lease| Lease::Address(lease.address));
    addresses.chain(ia.prefixes().map(|lease| Lease::Prefix(lease.prefix))).collect()
}

impl ModelServer {
    /// Answers every IA of a Solicit or Request.
    pub(super) fn grant_all(&mut self, question: &Message, answer: &mut Answering) {
        for (kind, ia) in question.options.iter().filter_map(of) {
            let granted = self.grant(kind, ia, answer);
            answer.message.options.push(kind.option(granted));
        }
    }

    /// Answers every IA of a Renew or Rebind that there is something to say
    /// about.
    pub(super) fn extend_all(&mut self, question: &Message, answer: &mut Answering) {
        let rebind = question.kind == MessageType::Rebind;
        for (kind, ia) in question.options.iter().filter_map(of) {
            let extended = self.extend_one(kind, ia, rebind, answer);
            answer.message.options.extend(extended.map(|ia| kind.option(ia)));
        }
    }

    fn grant(&mut self, kind: Kind, ia: &Ia, answer: &Answering) -> Ia {
        if self.refuses(kind) {
            return self.refusal(kind, ia);
        }
        if self.is_off_link(ia) {
            return Ia::asking(ia.iaid, vec![status(StatusCode::NOT_ON_LINK)]);
        }
        let key = (answer.client.clone(), kind, ia.iaid);
        let until = self.times(kind).valid.from_start(answer.now);
        let hints = if self.dials.ignore_hints { vec![] } else { leases(ia) };
        match self.store.assign(&key, &hints, &self.config, answer.source, until) {
            Some(leases) => self.lease(ia, &leases, self.times(kind), answer),
            None => self.refusal(kind, ia),
        }
    }

    fn extend_one(&mut self, kind: Kind, ia: &Ia, rebind: bool, answer: &Answering) -> Option<Ia> {
        let key = (answer.client.clone(), kind, ia.iaid);
        let forgotten = match kind {
            Kind::Addresses => self.dials.forget_addresses,
            Kind::Prefixes => self.dials.forget_prefixes,
        };
        let until = self.times(kind).valid.from_start(answer.now);
        if self.dials.lose_prefixes
            && kind == Kind::Prefixes
            && self.store.take_back(&key, &leases(ia), false)
        {
            return Some(self.withdrawal(ia));
        }
        if self.refuses(kind) && !forgotten {
            return Some(self.refusal(kind, ia));
        }
        if self.dials.adds_wished_lengths && kind == Kind::Prefixes {
            self.store.add_wished(&key, &leases(ia), &self.config);
        }
        let known = self.store.extend(&key, answer.source, until).filter(|_| !forgotten);
        match known {
            Some(old) if self.dials.renumbers => Some(self.renumber(kind, ia, &old, answer, until)),
            Some(leases) if self.dials.zero_lifetimes => {
                Some(self.lease(ia, &leases, self.times(kind).ended(), answer))
            }
            Some(leases) => Some(self.lease(ia, &leases, self.times(kind), answer)),
            None if leases(ia).iter().all(Lease::is_hint) => Some(self.grant(kind, ia, answer)),
            None if forgotten => Some(Ia::asking(ia.iaid, vec![status(StatusCode::NO_BINDING)])),
            None if self.config.creates_on_renew => Some(self.grant(kind, ia, answer)),
            None if rebind => self.disown(ia, answer),
            None => Some(Ia::asking(ia.iaid, vec![status(StatusCode::NO_BINDING)])),
        }
    }

    /// Ends what an association holds and gives something else.
    fn renumber(
        &mut self,
        kind: Kind,
        ia: &Ia,
        old: &[Lease],
        answer: &Answering,
        until: Until,
    ) -> Ia {
        let key = (answer.client.clone(), kind, ia.iaid);
        let new = self.store.replace(&key, old, &self.config, answer.source, until);
        let mut ended = self.lease(ia, old, self.times(kind).ended(), answer);
        if let Some(new) = new {
            let given = self.lease(ia, &new, self.times(kind), answer);
            ended.options.extend(given.options);
        }
        ended
    }

    /// Every prefix that the client names, with nothing left of it.
    fn withdrawal(&self, ia: &Ia) -> Ia {
        let (preferred, valid) = (Lifetime::ZERO, Lifetime::ZERO);
        let options = vec![status(StatusCode::NO_PREFIX_AVAIL)];
        let lost = |lease: &IaPrefix| {
            let options = options.clone();
            DhcpOption::IaPrefix(IaPrefix { prefix: lease.prefix, preferred, valid, options })
        };
        let Times { t1, t2, .. } = self.config.times;
        Ia { iaid: ia.iaid, t1, t2, options: ia.prefixes().map(lost).collect() }
    }

    /// A Rebind about leases that are not ours: those of another link end at
    /// once, of the others we say nothing (RFC 9915 §18.3.5).
    fn disown(&self, ia: &Ia, answer: &Answering) -> Option<Ia> {
        let ended = self.config.times.ended();
        self.is_off_link(ia).then(|| self.lease(ia, &leases(ia), ended, answer))
    }

    fn is_off_link(&self, ia: &Ia) -> bool {
        let foreign = |address| !self.config.addresses.contains(address);
        self.config.strict_about_links && ia.addresses().any(|lease| foreign(lease.address))
    }

    const fn refuses(&self, kind: Kind) -> bool {
        match kind {
            Kind::Addresses => self.dials.refuse_addresses,
            Kind::Prefixes => self.dials.refuse_prefixes || self.config.prefixes.is_none(),
        }
    }

    fn refusal(&self, kind: Kind, ia: &Ia) -> Ia {
        let code = match kind {
            Kind::Addresses => StatusCode::NO_ADDRS_AVAIL,
            Kind::Prefixes => StatusCode::NO_PREFIX_AVAIL,
        };
        let said = (!self.dials.refuse_without_status).then(|| status(code));
        Ia::asking(ia.iaid, said.into_iter().collect())
    }

    fn times(&self, kind: Kind) -> Times {
        let honest = self.dials.times.unwrap_or(self.config.times);
        let mut times = match kind {
            Kind::Addresses => honest,
            Kind::Prefixes => self.dials.prefix_times.unwrap_or(honest),
        };
        if self.dials.preferred_over_valid {
            times.preferred = Lifetime(times.valid.0.saturating_add(1));
        }
        if self.dials.t1_over_t2 {
            times.t1 = Lifetime(times.t2.0.saturating_add(1));
        }
        times
    }

    fn lease(&self, ia: &Ia, leases: &[Lease], times: Times, answer: &Answering) -> Ia {
        let Times { t1, t2, preferred, valid } = times;
        let said = self.dials.lease_status.map(status);
        let options: Vec<_> =
            said.into_iter().chain(self.dials.within_leases.iter().cloned()).collect();
        let option = |lease: &Lease| match *lease {
            Lease::Address(address) => {
                let options = options.clone();
                DhcpOption::IaAddress(IaAddress { address, preferred, valid, options })
            }
            Lease::Prefix(prefix) => {
                let excluded = self.excluded(prefix, answer);
                let options = options.iter().cloned().chain(excluded).collect();
                DhcpOption::IaPrefix(IaPrefix { prefix, preferred, valid, options })
            }
        };
        let extra = leases.first().into_iter().flat_map(|lease| self.further(*lease));
        let times = if self.dials.doubles_leases { 2 } else { 1 };
        let all: Vec<_> = leases.iter().copied().chain(extra).collect();
        let all = all.iter().cycle().take(times * all.len()).map(option);
        let options = self.dials.association_status.map(status).into_iter().chain(all).collect();
        Ia { iaid: ia.iaid, t1, t2, options }
    }

    /// PD_EXCLUDE for the last subnet of a prefix: an octet of length and
    /// the bits between the two lengths, left-aligned (RFC 6603 §4.2).
    fn excluded(&self, prefix: Prefix, answer: &Answering) -> Option<DhcpOption> {
        let code = code::PD_EXCLUDE;
        if let Some(payload) = self.dials.pd_exclude.clone() {
            return Some(DhcpOption::Raw { code, payload });
        }
        let length = self.config.exclude.filter(|length| *length > prefix.length())?;
        let width = u32::from(length - prefix.length());
        let ones = (u128::MAX << (128 - width)).to_be_bytes();
        let octets = usize::try_from(width.div_ceil(8)).expect("at most 16");
        let payload = [&[length], &ones[..octets]].concat();
        answer.requested.contains(&code).then_some(DhcpOption::Raw { code, payload })
    }

    /// Leases that nobody asked for, beside the given one.
    fn further(&self, lease: Lease) -> impl Iterator<Item = Lease> {
        (1..=u128::from(self.dials.extra_leases)).filter_map(move |index| match lease {
            Lease::Address(address) => {
                Some(Lease::Address(Ipv6Addr::from_bits(address.to_bits() + (index << 16))))
            }
            Lease::Prefix(prefix) => {
                let bits = prefix.address().to_bits() | index << 64 | 1 << 80;
                Prefix::new(Ipv6Addr::from_bits(bits), 64).map(Lease::Prefix)
            }
        })
    }
}
