import type { Tuple } from "../../src/openfga/admin/admin.js";

/**
 * The data that every measured program uses: 1,000 users who may each edit a document, 20 organizations of 50 users, 50
 * folders that an organization may view, and 1,000 documents in them.
 */

export const userCount = 1_000;
const documentCount = 1_000;
const folderCount = 50;
const organizationCount = 20;

/** Questions of one BatchCheck: by default OpenFGA accepts no more. */
export const batchSize = 50;

/** A question with the answer that the tuples give. */
export interface Question {
  /** The number in the user's name, `u<user>`. */
  readonly user: number;
  readonly action: string;
  readonly resource: string;
  readonly allowed: boolean;
}

export const model = `model
  schema 1.1
type user
type organization
  relations
    define member: [user]
    define admin: [user]
type folder
  relations
    define owner: [user, organization]
    define viewer: [user, organization, organization#member] or owner
type document
  relations
    define parent: [folder]
    define owner: [user, organization]
    define editor: [user, organization, organization#member] or owner
    define viewer: [user, user:*, organization, organization#member] or editor or viewer from parent
`;

export const subjectOf = (user: number): string => `user:u${user}`;
const documentOf = (document: number): string => `document:d${document % documentCount}`;
const count = (length: number): readonly number[] => Array.from({ length }, (_, index) => index);

export const tuples: readonly Tuple[] = [
  ...count(userCount).flatMap((user) => [
    { user: subjectOf(user), relation: "editor", object: documentOf(user) },
    { user: subjectOf(user), relation: "member", object: `organization:o${user % organizationCount}` },
  ]),
  ...count(documentCount).map((document) => ({
    user: `folder:f${document % folderCount}`,
    relation: "parent",
    object: documentOf(document),
  })),
  ...count(folderCount).map((folder) => ({
    user: `organization:o${folder % organizationCount}#member`,
    relation: "viewer",
    object: `folder:f${folder}`,
  })),
];

/** Returns the `index`-th document, up to 40, in the folders that this user's organization may view. */
function viewable(user: number, index: number): string {
  const inFolder = documentCount / folderCount;
  const folder = (user % organizationCount) + organizationCount * Math.floor(index / inFolder);
  return documentOf(folder + folderCount * (index % inFolder));
}
const edits = (user: number): Question => ({ user, action: "editor", resource: documentOf(user), allowed: true });
const views = (user: number, index: number): Question => ({
  user,
  action: "viewer",
  resource: viewable(user, index),
  allowed: true,
});
const mayNotEdit = (user: number, index: number): Question => ({
  user,
  action: "editor",
  resource: documentOf(user + 1 + index),
  allowed: false,
});
/** Makes a question that is denied only after folder and organization have been searched. */
const mayNotView = (user: number, index: number): Question => ({
  user,
  action: "viewer",
  resource: viewable(user + 1, index),
  allowed: false,
});

const kinds = [edits, views, mayNotEdit, mayNotView];

/**
 * 1,000 different questions, one for each user, in a fixed shuffled order. A quarter each is allowed directly, allowed
 * by folder and organization, denied directly, and denied after that whole search.
 */
export const questions: readonly Question[] = count(userCount).map((index) => {
  const user = (index * 617) % userCount;
  const ask = kinds[user % kinds.length] ?? edits;
  return ask(user, user % 19);
});

/**
 * 20 lists of 50 questions of one user each: one allowed directly, 24 allowed by folder and organization, 12 denied
 * directly and 13 after that whole search.
 */
export const lists: readonly (readonly Question[])[] = count(questions.length / batchSize).map((index) => {
  const user = (index * 57) % userCount;
  return [
    edits(user),
    ...count(24).map((document) => views(user, document)),
    ...count(12).map((document) => mayNotEdit(user, document)),
    ...count(13).map((document) => mayNotView(user, document)),
  ];
});
