//! Captures of which nobody has the `resolv.conf`.

use super::*;

#[test]
fn without_a_file_the_search_list_is_read_from_the_traffic() {
    let mut talk = Conversation::new();
    external(&mut talk, "www.example.com", 40_000);
    external(&mut talk, "api.example.org", 40_010);
    talk.pair("web.shop.svc.cluster.local", 40_020, Say::Address);
    let lookups = talk.lookups(SearchList::Inferred(Nanos::from_millis(60_000)));
    let names: Vec<&str> = lookups.iter().map(|lookup| lookup.name.as_ref()).collect();
    assert_eq!(names, ["www.example.com", "api.example.org", "web"]);
}

#[test]
fn without_a_file_a_trailing_dot_is_told_only_where_the_traffic_does() {
    let mut talk = Conversation::new();
    // Names with two dots are searched first, so whoever asks for one with fewer at once has typed a dot.
    external(&mut talk, "www.example.com", 40_000);
    external(&mut talk, "api.example.org", 40_010);
    talk.pair("short.example", 40_020, Say::Address);
    talk.wait_ms(50);
    talk.pair("a.b.c.example.org", 40_021, Say::Address);
    let lookups = talk.lookups(SearchList::Inferred(Nanos::from_millis(60_000)));
    let names: Vec<_> = lookups.iter().map(|lookup| (lookup.name.as_ref(), lookup.doubtful_dot)).collect();
    let told = [("www.example.com", false), ("api.example.org", false), ("short.example.", false)];
    assert_eq!(names, [&told[..], &[("a.b.c.example.org", true)]].concat());
}
