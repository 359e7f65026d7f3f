//! `dnsprobe demo`: a small cluster in private namespaces, this machine's own resolver, and what its packets show.

use dnsprobe_lookup::pcap::InterfaceName;
use dnsprobe_lookup::{Frame, LinkType, SearchList, Timestamp};

use super::chosen::AUTO;
use super::session::{Order, Session, Showing};
use crate::cli::{Format, LookupArgs};
use crate::demo::{self, Played};
use crate::error::{CommandError, Status};
use crate::view::{Detail, Merging, Ui};

/// Arguments of `dnsprobe demo`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Output format
    #[arg(short, long, value_enum, default_value_t = Format::Table, value_name = "FORMAT")]
    output: Format,
    /// Also write the packets to this file (`-` is standard output; the rows then go to standard error)
    #[arg(short = 'w', long = "write", value_name = "FILE|-")]
    write: Option<std::path::PathBuf>,
}

/// A frame kept until the resolv.conf is known.
struct Kept {
    at: Timestamp,
    link: LinkType,
    interface: u32,
    original_len: u32,
    bytes: Vec<u8>,
}

/// Plays the cluster and shows what its packets show.
pub(crate) fn run(args: &Args, ui: &Ui) -> Result<Status, CommandError> {
    let mut frames: Vec<Kept> = Vec::new();
    let played = demo::play(&mut |frame: Frame<'_>| {
        let Frame { at, link, bytes, original_len, interface } = frame;
        frames.push(Kept { at, link, interface, original_len, bytes: bytes.to_vec() });
    });
    let played = played.map_err(|error| CommandError::wrap("play the demo", error))?;
    introduce(&played, args, ui);
    let lookups = LookupArgs {
        output: args.output,
        summary: false,
        resolver: AUTO.to_owned(),
        resolv_conf: None,
        env: Vec::new(),
        ports: vec![53],
        write: args.write.clone(),
        count: None,
        rotate_size: None,
        rotate_count: None,
    };
    let showing = Showing {
        lookups: &lookups,
        merging: Merging::Never,
        target: serde_json::json!({"kind": "demo"}),
        target_name: None,
    };
    let search = SearchList::Known(Some(played.transcript.resolv_conf.clone().into_bytes()));
    let interfaces = frames.iter().take(1).map(|frame| InterfaceName {
        interface: frame.interface,
        link: frame.link,
        name: "lo".to_owned(),
    });
    let session = Session::new(showing, search, interfaces.collect(), ui)?;
    let mut session = session.in_order(Order::Begun);
    for Kept { at, link, interface, original_len, bytes } in &frames {
        let frame = Frame { at: *at, link: *link, bytes, original_len: *original_len, interface: *interface };
        if session.frame(&frame).is_break() {
            break;
        }
    }
    session.close(None)?;
    Ok(Status::Done)
}

/// What is being shown, on standard error: no result, but without it the rows mean nothing.
fn introduce(played: &Played, args: &Args, ui: &Ui) {
    if let Some(why) = &played.replayed_because {
        crate::view::note(&format!("dnsprobe: {}", crate::view::escape(why)));
        crate::view::note("dnsprobe: replaying the bundled recording of this demo, made on another machine");
    }
    if ui.detail == Detail::Less || args.output == Format::Json {
        return;
    }
    let through = played.transcript.asked.first().map_or("getaddrinfo", |asked| asked.through.as_str());
    crate::view::note(&format!(
        "A pod's resolv.conf, a cluster's DNS server, and this machine's own resolver ({through}), in namespaces of their own:\n"
    ));
    for line in played.transcript.resolv_conf.lines() {
        crate::view::note(&format!("    {line}"));
    }
    crate::view::note("");
}
