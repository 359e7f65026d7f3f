//! Which candidates a resolver makes of a name.

/// Which candidates a resolver makes of a name.
#[derive(Debug, Clone, Copy)]
pub struct PlanRules {
    /// When the search list is used.
    pub search: SearchWhen,
    /// What a suffix that stands for the root does.
    pub root_suffix: RootSuffix,
    /// What happens to a candidate that does not fit a message.
    pub unencodable: Unencodable,
    /// Which names are refused before any question.
    pub name_check: NameCheck,
}

/// When the search list is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SearchWhen {
    /// Always: after the name as-is when it has `ndots` dots, before it otherwise.
    Always,
    /// Only below `ndots` dots; with more the name is asked as-is and nothing else.
    BelowNdots,
    /// Only for names without any dot, and then without the name as-is.
    Dotless,
    /// Never.
    Never,
}

/// What a suffix that stands for the root (`.`) does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RootSuffix {
    /// Asks the name as-is, and suppresses the as-is candidate at the end.
    ReplacesAsIsLast,
    /// Asks the name as-is, beside the as-is candidate.
    AsIs,
    /// Is passed over.
    Skip,
    /// Sends a message with a broken name.
    Malformed,
    /// Ends the lookup before anything is sent.
    Abort,
}

/// What happens to a candidate that does not fit a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unencodable {
    /// It is passed over.
    Skip,
    /// The rest of the list is passed over as well.
    SkipToAsIs,
    /// The lookup ends there.
    Stop,
    /// The lookup ends before anything is sent.
    Abort,
}

/// Which names are refused before any question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NameCheck {
    /// None but those no message can hold.
    None,
    /// Letters, digits, `-`, `_`; no empty label, no `-` in front.
    Hostname,
}
