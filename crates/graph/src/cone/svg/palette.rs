//! Colours and dashes. Kinds of edges differ in both; the colours keep apart for colour-blind readers
//! (after Okabe and Ito).

pub(super) const STYLE: &str = r#"<style>
text { font-family: -apple-system, BlinkMacSystemFont, "Segoe UI", "Helvetica Neue", Arial, "DejaVu Sans", sans-serif; fill: #1f2328; }
.page { fill: #ffffff; stroke: #d8dee4; }
.title { font-size: 20px; font-weight: 600; }
.sub { font-size: 12.5px; fill: #59636e; }
.head { font-size: 10.5px; font-weight: 600; letter-spacing: 1.2px; fill: #818b98; }
.key { font-size: 11.5px; fill: #424a53; }
.note { font-size: 11.5px; fill: #818b98; }
.rule { stroke: #e6eaef; fill: none; }
.name, .value, .score, text.badge { font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace; }
.name { font-size: 13px; }
.score { font-size: 10.5px; fill: #59636e; }
.shape { stroke-width: 1.4; }
.setting .shape { fill: #f3f7fc; stroke: #8aa9c9; }
.resource .shape { fill: #fbf6ec; stroke: #c2a15f; }
.metric .shape { fill: #eff8f6; stroke: #6fb3a6; }
.target .shape { fill: #f4f5f7; stroke: #8c959f; }
.service .shape { fill: #f6f2fb; stroke: #a58ccc; }
.group .shape { fill: none; stroke: #afb8c1; stroke-dasharray: 4 4; }
.group .name { font-size: 12px; fill: #59636e; }
.changed .shape { fill: #b45309; stroke: #92400e; }
.changed text { fill: #ffffff; }
.changed .name { font-size: 15px; font-weight: 700; }
.changed .value { font-size: 13px; }
.track { fill: #dfe5ec; }
.fill { fill: #7b8794; }
.worse .shape { fill: #fff1f0; stroke: #d1383d; stroke-width: 2; }
.better .shape { fill: #effaf1; stroke: #2f9e55; stroke-width: 2; }
rect.badge { fill: #6e7781; }
.worse rect.badge { fill: #c62f35; }
.better rect.badge { fill: #1f7a3f; }
text.badge { font-size: 11.5px; font-weight: 700; fill: #ffffff; }
.line { fill: none; stroke: #57606a; }
.tip { fill: #57606a; }
.beside { opacity: 0.38; }
.glow { fill: none; stroke: #d1383d; stroke-width: 9; stroke-linecap: round; opacity: 0.13; }
.requires .line { stroke: #0072b2; }
.requires .tip { fill: #0072b2; }
.conflicts_with .line { stroke: #c8472b; stroke-dasharray: 2 4; }
.conflicts_with .tip { fill: #c8472b; }
.bounded_by .line { stroke: #00876a; stroke-dasharray: 9 4; }
.bounded_by .tip { fill: #00876a; }
.enables .line { stroke: #c05a94; stroke-dasharray: 1 5; stroke-linecap: round; }
.enables .tip { fill: #c05a94; }
.overrides .line { stroke: #6f52b5; stroke-dasharray: 10 3 2 3; }
.overrides .tip { fill: #6f52b5; }
.shares_resource .line { stroke: #b07d10; stroke-dasharray: 5 5; }
.shares_resource .tip { fill: #b07d10; }
.scales_with .line { stroke: #2f8fd0; stroke-dasharray: 14 5; }
.scales_with .tip { fill: #2f8fd0; }
.uses .line { stroke: #8c959f; stroke-dasharray: 3 3; }
.uses .tip { fill: #8c959f; }
@media (prefers-color-scheme: dark) {
text { fill: #e6edf3; }
.page { fill: #0d1117; stroke: #2a313c; }
.sub, .score { fill: #9198a1; }
.head, .note { fill: #767f8a; }
.key { fill: #b7bfc8; }
.rule { stroke: #212830; }
.setting .shape { fill: #131c28; stroke: #4d6f94; }
.resource .shape { fill: #211b10; stroke: #8a7140; }
.metric .shape { fill: #10201d; stroke: #3f8577; }
.target .shape { fill: #171b21; stroke: #6e7681; }
.service .shape { fill: #1c1628; stroke: #7a64a3; }
.group .shape { fill: none; stroke: #4b535d; }
.group .name { fill: #9198a1; }
.changed .shape { fill: #c2650f; stroke: #f0a04b; }
.changed text, text.badge { fill: #ffffff; }
.track { fill: #2b333d; }
.fill { fill: #8b96a3; }
.worse .shape { fill: #2b1416; stroke: #f0605f; }
.better .shape { fill: #10231a; stroke: #3fb566; }
.glow { stroke: #f0605f; opacity: 0.2; }
.line { stroke: #9198a1; }
.tip { fill: #9198a1; }
.requires .line { stroke: #58a6e0; }
.requires .tip { fill: #58a6e0; }
.conflicts_with .line { stroke: #f07f62; }
.conflicts_with .tip { fill: #f07f62; }
.bounded_by .line { stroke: #35c49f; }
.bounded_by .tip { fill: #35c49f; }
.enables .line { stroke: #e492c0; }
.enables .tip { fill: #e492c0; }
.overrides .line { stroke: #a78bea; }
.overrides .tip { fill: #a78bea; }
.shares_resource .line { stroke: #d9a83a; }
.shares_resource .tip { fill: #d9a83a; }
.scales_with .line { stroke: #6fc0f5; }
.scales_with .tip { fill: #6fc0f5; }
.uses .line { stroke: #8b949e; }
.uses .tip { fill: #8b949e; }
}
</style>
"#;
