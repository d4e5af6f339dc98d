/** active ⇄ disabled; either → deleted, which revokes every token; deleted → active starts a new generation. */
export const subjectStates = ["ACTIVE", "DISABLED", "DELETED"] as const;
export type SubjectState = (typeof subjectStates)[number];

/** The facts about a subject. A subject that was never mentioned is active, in its first generation. */
export interface SubjectFacts {
  readonly state: SubjectState;
  readonly generation: number;
}

export const unmentionedSubject: SubjectFacts = { state: "ACTIVE", generation: 1 };
