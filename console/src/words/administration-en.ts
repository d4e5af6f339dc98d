import { Subject_State } from "#gen/patwarden/v1/subject_pb.js";
import { counted } from "./plural.js";

const count = counted("en");

/** The texts in English of the views of organizations and of the deployment, which the element does not have. */
export const administrationEn = {
  organizations: {
    title: "Organizations",
    intro: "Here are the organizations that you belong to, and what you may do there.",
    search: "Search",
    name: "Organization",
    rights: "You may",
    member: "Member",
    right: {
      read: "see tokens",
      create: "create tokens",
      approve: "approve",
      revoke: "revoke",
      policy: "set the policy",
    },
    noRight: "create tokens of your own for it",
    empty: "You belong to no organization",
    emptyText: "Your own tokens work without one.",
    nothing: "No organization matches",
    incomplete: "There may be more organizations than are listed. Open one by its name.",
    open: "Open an organization by its name",
    openAction: "Open",
  },

  organization: {
    switch: (name: string) => `${name}: show something else`,
    mine: "My tokens",
    all: "All organizations",
    parts: "Parts of the organization",
    tokens: "Tokens",
    pending: "To approve",
    policy: "Policy",
    usage: "Usage",
    audit: "History",
    create: "New token",
    unknown: "There is no such organization, or you do not belong to it.",
    memberOnly: (name: string) =>
      `You are a member of ${name}, but only its administrators see all of its tokens. You can create tokens of your own for it.`,
    makeOwn: "New token",
    empty: "No token yet",
    emptyText: "Tokens of the organization, and those that members create for it, are listed here.",
  },

  pending: {
    nothing: "Nothing to approve",
    nothingText: "Tokens that need approval are listed here, the oldest first.",
    again: "Asks again",
    first: "New",
    changed: (time: string) => `approved ${time}, changed since`,
    by: (name: string) => `Approved by ${name}`,
    commentOf: (comment: string) => `“${comment}”`,
    reason: "Reason given",
    noReason: "No reason was given.",
    actsAs: "Acts as",
    madeBy: "Created by",
    field: "What",
    before: "Approved",
    now: "Asked for",
    unchanged: (fields: string) => `Unchanged: ${fields}.`,
    nothingWider: "What was approved before is the same. Its secret or its end was renewed.",
    grant: "What it may do",
    networks: "Networks",
    anywhere: "From anywhere",
    notBefore: "Valid from",
    atOnce: "At once",
    ends: "Ends",
    reach: "What it reaches now",
    reachShow: "Show what it reaches",
    reachNothing: "nothing",
    reachMore: "and more",
    reachFull: "All of it",
    approve: "Approve",
    deny: "Deny",
    approveNamed: (name: string) => `Approve ${name}`,
    denyNamed: (name: string) => `Deny ${name}`,
    approveText: "The token works at once with all that is shown here.",
    denyText: "The token ends for good. The person who created it sees your comment.",
    comment: "Comment",
    commentHint: "Everybody who sees the token can read it.",
    approved: (name: string) => `${name} was approved.`,
    denied: (name: string) => `${name} was denied.`,
    moved: "The token was changed while you looked at it. Look at it again before you approve it.",
    lookAgain: "Look again",
    you: {
      subject: "You cannot approve it, as it acts as you. Somebody else must.",
      maker: "You cannot approve it, as you created it. Somebody else must.",
      changed: "You cannot approve it, as you changed it. Somebody else must.",
      rotated: "You cannot approve it, as you were shown a secret of it. Somebody else must.",
      unknown: "The server does not let you approve it as it is now.",
      noRight: "You may see it, but not approve it.",
    },
  },

  policy: {
    intro: "Limits hold for each use from now on, also of tokens that exist. Nothing here revokes a token at once.",
    introOrganization:
      "It holds for the organization's own tokens and for those that members create for it. It can only be stricter than the deployment's.",
    lifetime: "How long tokens live",
    power: "What tokens may do",
    place: "Where tokens may be used",
    care: "Who looks after them",
    stop: "In an emergency",
    fields: {
      require_expiry: ["Tokens must end", "A token without an end is blocked."],
      max_lifetime: [
        "Longest lifetime",
        "Counted from the newest secret to the token's end. Tokens that live longer are blocked. Empty: no limit.",
      ],
      default_lifetime: ["Usual lifetime", "For tokens where nothing is chosen. Empty: the server's."],
      revoke_unused_after: ["Revoke when unused for", "For good and by itself, at least 1 day. Empty: never."],
      forbid_full: ["No token may do everything", "Tokens that may do everything are blocked."],
      allowed_actions: [
        "Only these actions",
        "One a line. All other actions are refused, whatever a token may do. Empty: all actions.",
      ],
      allowed_cidrs: [
        "Only these networks",
        "Address ranges, one a line, such as 192.0.2.0/24. All other addresses are refused. Empty: from anywhere.",
      ],
      require_approval: [
        "Somebody else must approve",
        "From now on, tokens that are created or may do more wait until somebody approves them.",
      ],
      revoke_on_reuse: [
        "Revoke when an old secret is used",
        "A replaced secret that is used again is a sign of theft: the token ends for good.",
      ],
      allow_self_rotation: [
        "Programs may renew their own secret",
        "Only tokens that were created for it, and only where the deployment allows it too.",
      ],
      require_organization: [
        "Tokens of users must belong to an organization",
        "Tokens that belong to none are blocked.",
      ],
      block_all: ["Block all tokens", "No token works until this is switched off. Nothing is lost."],
    } as Readonly<Record<PolicyFieldName, readonly [string, string]>>,
    units: { second: "seconds", minute: "minutes", hour: "hours", day: "days" },
    unitOf: (field: string) => `Unit of ${field}`,
    inEffect: "In effect",
    fromHere: "set here",
    fromDeployment: "from the deployment",
    fromBoth: "from here and the deployment",
    unlimited: {
      max_lifetime: "no limit",
      default_lifetime: "the server's",
      revoke_unused_after: "never",
      allowed_actions: "all actions",
      allowed_cidrs: "from anywhere",
    } as Readonly<Partial<Record<PolicyFieldName, string>>>,
    on: "on",
    off: "off",
    knownActions: "Known actions",
    notNumber: "Write a whole number, such as 90.",
    review: "Review changes",
    discard: "Discard changes",
    clear: "Remove all limits",
    changes: (n: number, text: string) => count(n, "1 change", `${text} changes`),
    reviewTitle: "Change the policy",
    before: "Now",
    after: "Then",
    blocks: (n: number, text: string) =>
      count(n, "1 token that works now would be blocked.", `${text} tokens that work now would be blocked.`),
    blocksNone: "No token that works now would be blocked.",
    blocked: "They would be blocked",
    blockedMore: (n: number, text: string) => count(n, "and 1 more", `and ${text} more`),
    confirm: "Save",
    confirmBlocking: (n: number, text: string) => count(n, "Save and block 1 token", `Save and block ${text} tokens`),
    saved: "Saved. It holds on every server.",
    savedBlocked: (n: number, text: string) =>
      count(n, "Saved. 1 token is blocked.", `Saved. ${text} tokens are blocked.`),
    conflict: "Somebody has changed the policy in the meantime. Your changes are still here; nothing was saved.",
    conflictField: (now: string) => `Meanwhile it was set to: ${now}.`,
    take: "Take that",
    takeNamed: (field: string) => `Take the new value of ${field}`,
    kept: "You are back. Your changes are still here.",
    stepUp: "You must sign in again before you loosen a policy. Your changes are kept.",
  },

  usage: {
    byMember: "By member",
    byToken: "By token",
    group: "Show usage by",
    member: "Acts as",
    token: "Token",
    total: "Together",
    more: (n: number, text: string) => count(n, "Show 1 more", `Show ${text} more`),
  },

  audit: {
    filters: "Filters",
    action: "What happened",
    anyAction: "Anything",
    groups: {
      made: "Tokens created",
      changed: "Tokens changed or renewed",
      approval: "Approvals",
      stopped: "Tokens stopped or resumed",
      ended: "Tokens and secrets ended",
      subjects: "Users and organizations",
      policies: "Policies",
      alarms: "Old secrets used, calls refused",
    },
    actor: "Who did it",
    actorHint: "Such as user:alice or service:billing",
    about: "Token or user",
    aboutHint: "tok_… or user:alice",
    from: "From",
    to: "To",
    time: "When",
    event: "What",
    subject: "For",
    refused: "refused",
    details: "Details",
    detailsOf: (event: string, time: string) => `Details of ${event}, ${time}`,
    id: "Event",
    before: "Before",
    after: "After",
    field: "Field",
    empty: "Nothing has happened yet",
    emptyText: "Every change of a token, user, organization or policy is recorded here.",
    nothing: "Nothing matches",
    clear: "Clear filters",
    shown: (n: number, text: string) => count(n, "1 event", `${text} events`),
  },

  operator: {
    title: "Deployment",
    intro: "Everything here concerns all users and organizations.",
    parts: "Parts of the deployment",
    find: "Find",
    subjects: "Users and organizations",
    policies: "Policies",
    audit: "History",
    emergency: "Emergency",
    refused: "Only administrators of the deployment see this.",

    allTokens: "All tokens",
    secretTitle: "A secret was found",
    secretText:
      "Paste it here to learn which token it belongs to. The secret never leaves this page: only its SHA-256 is sent, and the field is emptied at once. If you know the SHA-256, paste that.",
    secretField: "Secret or its SHA-256",
    secretFind: "Find its token",
    secretWrong: "That is no secret of a token and no SHA-256 (64 hexadecimal digits).",
    secretNoCrypto:
      'Your browser computes SHA-256 only on pages with TLS. Compute it yourself, with printf %s "$SECRET" | sha256sum, and paste the 64 digits.',
    secretSought: (hash: string) => `Looked for the secret with SHA-256 ${hash}.`,
    secretNothing: "No token of this deployment has this secret.",
    secretFound: "The secret belongs to this token.",
    toToken: "To the token",

    subjectSearch: "Name begins with",
    subjectSearchHint: "Such as user:al",
    subjectState: "State",
    subjectStates: {
      [Subject_State.ACTIVE]: "Active",
      [Subject_State.DISABLED]: "Disabled",
      [Subject_State.DELETED]: "Deleted",
    } as Readonly<Record<number, string>>,
    anyState: "Any",
    subject: "Name",
    liveTokens: "Current tokens",
    changed: "Since",
    subjectActions: (name: string) => `Actions for ${name}`,
    subjectsNothing: "Nobody matches",
    subjectsEmpty: "Nobody has a token yet",
    subjectUnlisted: (name: string) =>
      `${name} has no token and was never disabled. You can disable or delete it all the same.`,
    tokensOf: (text: string, name: string) => `${text} live tokens of ${name}`,
    disable: "Disable",
    enable: "Enable",
    remove: "Delete",
    disableTitle: (name: string) => `Disable ${name}`,
    enableTitle: (name: string) => `Enable ${name}`,
    removeTitle: (name: string) => `Delete ${name}`,
    disableText: (n: number, text: string) =>
      count(
        n,
        "1 token stops at once and works again once it is enabled. New tokens cannot be created.",
        `${text} tokens stop at once and work again once it is enabled. New tokens cannot be created.`,
      ),
    removeText: (n: number, text: string) =>
      count(
        n,
        "1 token ends for good. New tokens cannot be created until it is enabled again.",
        `${text} tokens end for good. New tokens cannot be created until it is enabled again.`,
      ),
    enableText: "Tokens that were stopped work again.",
    enableDeletedText: "It can have new tokens. Those that were revoked stay revoked.",
    noneStops: "It has no current token. New tokens cannot be created.",
    typeName: "Type the name to confirm",
    done: {
      disable: (name: string) => `${name} is disabled on every server.`,
      enable: (name: string) => `${name} is enabled.`,
      remove: (name: string) => `${name} is deleted, and its tokens have ended on every server.`,
    },

    policyUser: "Tokens of users",
    policyOrganization: "Tokens of organizations",
    policyOf: "Policy for",

    emergencyTitle: "Revoke all tokens",
    emergencyText:
      "Ends tokens of everybody for good, at once and on every server. Use it when the secrets themselves may have leaked. To stop tokens for a while, block them by a policy.",
    emergencyWhich: "Which tokens",
    emergencyAll: "All tokens of the deployment",
    emergencyBefore: "Only those created before",
    emergencyTime: "Created before",
    emergencyTimeHint: "In your time zone",
    emergencyLeaked: "Their secrets leaked",
    emergencyCount: "Count tokens",
    emergencyFound: (n: number, text: string) => count(n, "1 token would end.", `${text} tokens would end.`),
    emergencyNone: "There is no such token.",
    emergencyBlock: "To the policies",
    emergencyStart: (n: number, text: string) => count(n, "Revoke 1 token…", `Revoke ${text} tokens…`),
  },
};

/** The fields of a policy that can be edited, by the names that the server uses. */
export type PolicyFieldName =
  | "require_expiry"
  | "max_lifetime"
  | "default_lifetime"
  | "revoke_unused_after"
  | "forbid_full"
  | "allowed_actions"
  | "allowed_cidrs"
  | "require_approval"
  | "revoke_on_reuse"
  | "allow_self_rotation"
  | "require_organization"
  | "block_all";

/** The texts of a language. */
export type AdministrationWords = typeof administrationEn;
