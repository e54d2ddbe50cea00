// Colours and measures of a picture of lanes: of the screen from the style sheet, of paper in black and white.
export interface Look {
  ink: string;
  soft: string;
  line: string;
  ground: string;
  band: string;
  alert: string;
  accent: string;
  of: Record<string, string>;
  font: string;
  /** Size of small text, pixels. */
  small: number;
  /** Whether shades alone must not say anything. */
  paper: boolean;
}

const tasks: Record<string, string> = {
  document: "--ink", encounter: "--soft", disease: "--problem", drug: "--care", test: "--test", device: "--test", finding: "--problem", care: "--care", background: "--person",
};

/** The look of the page as it is now. */
export function screenLook(): Look {
  const style = getComputedStyle(document.documentElement);
  const of = (name: string): string => style.getPropertyValue(name).trim();
  const colours = Object.fromEntries(Object.entries(tasks).map(([topic, name]) => [topic, of(name)]));
  return {
    ink: of("--ink"), soft: of("--soft"), line: of("--line"), ground: of("--surface"), band: of("--sunk"), alert: of("--alert"), accent: of("--accent"),
    of: colours, font: getComputedStyle(document.body).fontFamily, small: 12, paper: false,
  };
}

/** The look of paper: black on white, told apart by shape and stroke. */
export function paperLook(small: number): Look {
  const colours = Object.fromEntries(Object.keys(tasks).map((topic) => [topic, "#000"]));
  return { ink: "#000", soft: "#333", line: "#bbb", ground: "#fff", band: "#eee", alert: "#000", accent: "#000", of: colours, font: getComputedStyle(document.body).fontFamily, small, paper: true };
}
