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

export type Heard =
  | Feedback
  | { type: "hello"; draft: Draft | null; edition: string }
  | { type: "saved"; revision: number; at: string }
  | { type: "conflict"; sign: boolean; current: Draft | null }
  | { type: "candidates"; surface: string; now: string; list: Candidate[] }
  | { type: "support"; rev: number; on: boolean; html: string }
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
  | { type: "switch"; kind: string; on: boolean }
  | { type: "answer"; rule: string; option: string }
  | { type: "sign"; text: string; base: number | null; physician: string };
