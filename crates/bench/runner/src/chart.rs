//! A bar chart as SVG, to be read on light and on dark paper.

use std::fmt::Write;

/// One cell of the grid.
pub struct Group {
    pub title: String,
    pub bars: Vec<Bar>,
}

/// One server in it.
pub struct Bar {
    pub name: &'static str,
    pub ours: bool,
    /// Ratio to raw TCP.
    pub value: f64,
}

/// Draws the groups below one another.
pub fn render(groups: &[Group]) -> String {
    let rows: usize = groups.iter().map(|group| group.bars.len()).sum();
    let height = TOP + groups.len() * (TITLE + GAP) + rows * ROW + 20;
    let most = groups
        .iter()
        .flat_map(|group| group.bars.iter().map(|bar| bar.value))
        .fold(1.0_f64, f64::max)
        .min(2.0);
    let scale = PLOT as f64 / most;
    let mut svg = format!(
        r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" font-family="system-ui, sans-serif" font-size="12" role="img">
<title>Echo servers: CPU time of a raw TCP echo by CPU time of each, same round</title>
<style>
svg {{ background: #fff }} text {{ fill: #1f2328 }} .name {{ text-anchor: end }} .ours {{ fill: #0969da }} .peer {{ fill: #9aa4af }} .raw {{ stroke: #1f2328 }} .title {{ font-weight: 600 }}
@media (prefers-color-scheme: dark) {{ svg {{ background: #0d1117 }} text {{ fill: #e6edf3 }} .ours {{ fill: #4493f8 }} .peer {{ fill: #59636e }} .raw {{ stroke: #e6edf3 }} }}
</style>
<text x="10" y="20" class="title">Echo: raw TCP's CPU time by each server's (1.00 = as cheap as no WebSocket at all; longer is better)</text>
"##
    );
    let mut y = TOP;
    let line = LEFT as f64 + scale;
    for group in groups {
        let _ = writeln!(
            svg,
            r#"<text x="10" y="{}" class="title">{}</text>"#,
            y + 14,
            group.title
        );
        y += TITLE;
        let from = y;
        for bar in &group.bars {
            let length = bar.value.min(most) * scale;
            let class = if bar.ours { "ours" } else { "peer" };
            let _ = writeln!(
                svg,
                r#"<text x="{}" y="{}" class="name">{}</text><rect x="{LEFT}" y="{}" width="{length:.1}" height="{}" class="{class}"/><text x="{:.1}" y="{}">{:.2}</text>"#,
                LEFT - 6,
                y + 12,
                bar.name,
                y + 2,
                ROW - 4,
                LEFT as f64 + length + 4.0,
                y + 12,
                bar.value,
            );
            y += ROW;
        }
        let _ = writeln!(
            svg,
            r#"<line x1="{line:.1}" x2="{line:.1}" y1="{from}" y2="{y}" class="raw" stroke-dasharray="3 3"/>"#
        );
        y += GAP;
    }
    svg.push_str("</svg>\n");
    svg
}

const WIDTH: usize = 820;
const LEFT: usize = 190;
const PLOT: usize = 560;
const TOP: usize = 36;
const TITLE: usize = 22;
const ROW: usize = 17;
const GAP: usize = 12;
