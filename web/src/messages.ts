// What editor and server say to each other over the live line.

export interface Candidate {
  concept: string;
  name: string;
  code: string;
}

export interface Place {
  start: number;
  end: number;
  text: string;
}

export interface Fact {
  shape: string;
  kind: string;
  name: string;
  absent: boolean;
  suspected: boolean;
  remarks: string[];
  value: string;
  time: string;
  code: string;
  codes: { system: string; code: string }[];
  concept: string;
  surface: string;
  places: Place[];
  rules: { rule: string; source: string }[];
  earlier: boolean;
}

export interface Mark {
  start: number;
  end: number;
  class: string;
  fact: number | null;
}

export interface Phrase {
  start: number;
  end: number;
  text: string;
  candidates: Candidate[];
}

export interface Question {
  rule: string;
  ask: string;
  options: string[];
}

export interface Feedback {
  type: "feedback";
  rev: number;
  marks: Mark[];
  facts: Fact[];
  phrases: Phrase[];
  questions: Question[];
  remarks: string[];
}

export interface Draft {
  revision: number;
  text: string;
  at: string;
}

/** Something that may come, in place of the text from `start` (a character) to the caret. */
export interface Suggestion {
  start: number;
  text: string;
  reading: string;
  why: string;
}

export type Part = { text: string } | { slot: string[] };

export interface Snippet {
  start: number;
  key: string;
  name: string;
  parts: Part[];
}

export interface Suggestions {
  type: "suggestions";
  rev: number;
  caret: number;
  list: Suggestion[];
  snippets: Snippet[];
  sure: boolean;
}

export type ItemAnswer = { is: "yes" | "no" | "unknown" } | { is: "choice" | "date" | "text"; value: string } | { is: "quantity"; value: number };

/** An item that is missing. */
export interface Missing {
  key: string;
  label: string;
  kind: "choice" | "quantity" | "date" | "text";
  answers: { label: string; answer: ItemAnswer }[];
  unit: string;
  reason: string;
  template: string;
}

export type Heard =
  | Feedback
  | { type: "hello"; draft: Draft | null; edition: string }
  | { type: "saved"; revision: number; at: string }
  | { type: "conflict"; sign: boolean; current: Draft | null }
  | { type: "candidates"; surface: string; now: string; list: Candidate[] }
  | { type: "support"; rev: number; on: boolean; html: string }
  | Suggestions
  | { type: "asked"; rev: number; rows: Missing[][] }
  | { type: "answered"; item: string; text: string; section: string }
  | { type: "reasoned"; concept: string; name: string; words: string; shown: unknown }
  | { type: "refused"; item: string; message: string }
  | { type: "signed"; address: string }
  | { type: "locked" }
  | { type: "ended"; message?: string }
  | { type: "error"; sign?: boolean; message: string };

export type Said =
  | { type: "edit"; rev: number; text: string }
  | { type: "save"; text: string; base: number | null }
  | { type: "settle"; surface: string; concept: string; remember: boolean }
  | { type: "correct"; surface: string; wrong: string; right: string }
  | { type: "candidates"; surface: string; now: string }
  | { type: "support"; rev: number }
  | { type: "predict"; rev: number; caret: number }
  | { type: "ask"; rev: number }
  | { type: "answered"; item: string; answer: ItemAnswer; again?: boolean }
  | { type: "reason"; concept: string; name: string; words: string; shown?: unknown }
  | { type: "switch"; kind: string; on: boolean }
  | { type: "answer"; rule: string; option: string }
  | { type: "sign"; text: string; base: number | null; physician: string };
