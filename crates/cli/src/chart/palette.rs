//! Colours, light and dark by the reader's preference; what is told by colour is also told by shape.

pub(super) const STYLE: &str = r#"<style>
text { font-family: -apple-system, BlinkMacSystemFont, "Segoe UI", "Helvetica Neue", Arial, "DejaVu Sans", sans-serif; fill: #1f2328; font-size: 11.5px; }
.page { fill: #ffffff; stroke: #d8dee4; }
.title { font-size: 20px; font-weight: 600; }
.sub, .note { font-size: 12.5px; fill: #59636e; }
.name { font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace; font-size: 13px; font-weight: 600; }
.tick { fill: #6e7781; }
.rule { stroke: #e6eaef; fill: none; }
.band { fill: #4c8fd6; fill-opacity: 0.17; stroke: none; }
.middle { fill: none; stroke: #4c8fd6; stroke-width: 1; stroke-dasharray: 2 3; }
.before { fill: none; stroke: #57606a; stroke-width: 1.3; stroke-linejoin: round; }
.since { fill: none; stroke: #1f2328; stroke-width: 1.6; stroke-linejoin: round; }
.out { fill: #c62f35; stroke: none; }
.change { stroke: #b45309; stroke-width: 1.6; }
text.change { fill: #92400e; stroke: none; font-weight: 600; }
.alarm { stroke: #c62f35; stroke-width: 1.6; stroke-dasharray: 5 3; }
path.flag { fill: #c62f35; stroke: none; }
text.alarm { fill: #b3262c; stroke: none; font-weight: 600; }
@media (prefers-color-scheme: dark) {
text { fill: #e6edf3; }
.page { fill: #0d1117; stroke: #2a313c; }
.sub, .note { fill: #9198a1; }
.tick { fill: #8b949e; }
.rule { stroke: #212830; }
.band { fill: #58a6e0; fill-opacity: 0.2; }
.middle { stroke: #58a6e0; }
.before { stroke: #8b949e; }
.since { stroke: #e6edf3; }
.out { fill: #ff7b72; }
.change { stroke: #f0a04b; }
text.change { fill: #f0a04b; }
.alarm { stroke: #ff7b72; }
path.flag { fill: #ff7b72; }
text.alarm { fill: #ff7b72; }
}
</style>"#;
