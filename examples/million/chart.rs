//! Solicits per second over time as SVG. Both scales are logarithmic, since
//! the first second is a thousand times the last hour.

use std::fmt::Write as _;

use crate::report::{Run, thousands};

const WIDTH: f64 = 900.0;
const HEIGHT: f64 = 520.0;
const LEFT: f64 = 90.0;
const RIGHT: f64 = 20.0;
const TOP: f64 = 50.0;
const BOTTOM: f64 = 170.0;

/// Colours that can be told apart on white and on black (Okabe and Ito, and a brown).
const COLOURS: [&str; 8] =
    ["#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#999999", "#8b5a2b"];

const STYLE: &str = "<style>\
text{font:13px sans-serif;fill:#222}.title{font-size:16px}\
.grid{stroke:#ccc;stroke-width:1}.back{fill:#fff}\
polyline{fill:none;stroke-width:1.8;stroke-linejoin:round}\
@media(prefers-color-scheme:dark){text{fill:#ddd}.grid{stroke:#444}.back{fill:#111}}\
</style>";

/// The chart.
pub fn draw(runs: &[Run]) -> String {
    assert!(runs.len() <= COLOURS.len(), "every run has a colour of its own");
    let longest = runs.iter().map(|run| run.outcome.solicits.len()).max().unwrap_or(1);
    let highest = runs.iter().map(|run| run.outcome.peak()).max().unwrap_or(1);
    let scale = Scale { decades_x: decades(longest as u64), decades_y: decades(highest.into()) };
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" \
         aria-label=\"Solicits per second over time\">{STYLE}\
         <rect class=\"back\" width=\"{WIDTH}\" height=\"{HEIGHT}\"/>\
         <text class=\"title\" x=\"{LEFT}\" y=\"28\">Solicits per second after a power cut, {} \
         clients</text>\n",
        thousands(runs[0].setup.clients.into()),
    );
    svg.push_str(&scale.grid());
    for (index, (run, colour)) in runs.iter().zip(COLOURS).enumerate() {
        svg.push_str(&scale.line(&run.outcome.solicits, colour));
        svg.push_str(&legend(index, run.name, colour));
    }
    svg.push_str("</svg>\n");
    svg
}

/// How many powers of ten reach this far.
fn decades(number: u64) -> u32 {
    number.max(2).saturating_sub(1).ilog10() + 1
}

struct Scale {
    decades_x: u32,
    decades_y: u32,
}

impl Scale {
    fn x(&self, second: f64) -> f64 {
        LEFT + (WIDTH - LEFT - RIGHT) * second.max(1.0).log10() / f64::from(self.decades_x)
    }

    fn y(&self, rate: f64) -> f64 {
        let height = HEIGHT - TOP - BOTTOM;
        TOP + height - height * rate.max(1.0).log10() / f64::from(self.decades_y)
    }

    /// Lines at the powers of ten, their numbers, and the names of the axes.
    fn grid(&self) -> String {
        let (bottom, right) = (HEIGHT - BOTTOM, WIDTH - RIGHT);
        let mut grid = String::new();
        for decade in 0..=self.decades_x {
            let (at, number) = (self.x(10_f64.powi(to_i32(decade))), 10_u64.pow(decade));
            write!(
                grid,
                "<path class=\"grid\" d=\"M{at:.1} {TOP}V{bottom}\"/><text x=\"{at:.1}\" \
                 y=\"{}\" text-anchor=\"middle\">{}</text>",
                bottom + 18.0,
                thousands(number),
            )
            .expect("a string takes it");
        }
        for decade in 0..=self.decades_y {
            let (at, number) = (self.y(10_f64.powi(to_i32(decade))), 10_u64.pow(decade));
            write!(
                grid,
                "<path class=\"grid\" d=\"M{LEFT} {at:.1}H{right}\"/><text x=\"{}\" \
                 y=\"{:.1}\" text-anchor=\"end\">{}</text>",
                LEFT - 8.0,
                at + 4.0,
                thousands(number),
            )
            .expect("a string takes it");
        }
        let (middle_x, middle_y) = ((LEFT + right) / 2.0, (TOP + bottom) / 2.0);
        writeln!(
            grid,
            "<text x=\"{middle_x}\" y=\"{}\" text-anchor=\"middle\">seconds since the power came \
             back</text><text transform=\"translate(18 {middle_y}) rotate(-90)\" \
             text-anchor=\"middle\">Solicits per second</text>",
            bottom + 38.0,
        )
        .expect("a string takes it");
        grid
    }

    /// The means of stretches that are as wide on the paper, so that the line
    /// can be followed. The first second stands at 1.
    fn line(&self, solicits: &[u32], colour: &str) -> String {
        let mut points = String::new();
        let mut from = 0;
        while from < solicits.len() {
            let until = (from + 1).max((from + 1) * 104 / 100).min(solicits.len());
            let stretch = &solicits[from..until];
            let sum: u64 = stretch.iter().map(|count| u64::from(*count)).sum();
            let mean = sum as f64 / stretch.len() as f64;
            let middle = (from + until + 1) as f64 / 2.0;
            write!(points, "{:.1},{:.1} ", self.x(middle), self.y(mean))
                .expect("a string takes it");
            from = until;
        }
        format!("<polyline stroke=\"{colour}\" points=\"{}\"/>\n", points.trim_end())
    }
}

fn legend(index: usize, name: &str, colour: &str) -> String {
    let (column, row) = (index / 4, index % 4);
    let (x, y) = (LEFT + 300.0 * column as f64, HEIGHT - BOTTOM + 70.0 + 22.0 * row as f64);
    format!(
        "<polyline stroke=\"{colour}\" points=\"{x},{y} {},{y}\"/><text x=\"{}\" y=\"{}\">{name}\
         </text>\n",
        x + 28.0,
        x + 36.0,
        y + 4.0,
    )
}

fn to_i32(decade: u32) -> i32 {
    i32::try_from(decade).expect("a few decades")
}
