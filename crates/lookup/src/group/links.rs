//! Which client an exchange is of, and which of its lookups.

use std::num::NonZero;

use super::{ClientId, OpenId};
use crate::attempt::ExchangeId;
use crate::map::Map;

/// To whom an exchange belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Link {
    pub(super) client: ClientId,
    /// One more than the lookup's index, so that both together are one word.
    lookup: Option<NonZero<OpenId>>,
}

impl Link {
    /// To a lookup of this client.
    pub(super) fn to(client: ClientId, lookup: OpenId) -> Self {
        Self { client, lookup: NonZero::new(lookup.saturating_add(1)) }
    }

    /// To this client, while the question is held back.
    pub(super) fn held(client: ClientId) -> Self {
        Self { client, lookup: None }
    }

    /// The lookup; `None` while the question is held back.
    pub(super) fn lookup(self) -> Option<OpenId> {
        self.lookup.map(|lookup| lookup.get() - 1)
    }
}

/// To whom each exchange belongs.
#[derive(Debug, Default)]
pub(super) struct Links {
    /// By the slot of the exchange, which is used again once an exchange is forgotten.
    by_slot: Vec<Option<(ExchangeId, Link)>>,
    /// What was asked before the one that has its slot now, and is gone through only now.
    older: Map<ExchangeId, Link>,
}

impl Links {
    /// Tells whose an exchange is.
    pub(super) fn set(&mut self, exchange: ExchangeId, link: Link) {
        let slot = exchange.slot();
        if slot >= self.by_slot.len() {
            self.by_slot.resize(slot + 1, None);
        }
        match &mut self.by_slot[slot] {
            Some((known, _)) if *known > exchange => {
                self.older.insert(exchange, link);
            }
            free => *free = Some((exchange, link)),
        }
    }

    /// Whose an exchange is, if it is still known.
    pub(super) fn get(&self, exchange: ExchangeId) -> Option<Link> {
        match self.by_slot.get(exchange.slot()) {
            Some(Some((known, link))) if *known == exchange => Some(*link),
            _ if self.older.is_empty() => None,
            _ => self.older.get(&exchange).copied(),
        }
    }

    /// Forgets an exchange.
    pub(super) fn clear(&mut self, exchange: ExchangeId) {
        match self.by_slot.get_mut(exchange.slot()) {
            Some(link) if link.is_some_and(|(known, _)| known == exchange) => *link = None,
            _ if self.older.is_empty() => {}
            _ => {
                self.older.remove(&exchange);
            }
        }
    }
}
