//! What in this manifest will go wrong or cost lookups?
mod yaml;
