import type { View } from "../views/app-root.js";
import { OperatorView } from "../views/operator/operator-view.js";
import { OrganizationView } from "../views/organization/organization-view.js";
import { OrganizationsView } from "../views/organization/organizations-view.js";
import { sharedViews } from "../views/shared-views.js";

/** The views of the page. Those of organizations and of the operator are the page's alone. */
export const pageViews: readonly View[] = [
  ...sharedViews,
  { path: /^\/orgs\/?$/, view: OrganizationsView },
  { path: /^\/orgs\/([^/]+)(?:\/[a-z]+)?\/?$/, view: OrganizationView },
  { path: /^\/operator(?:\/[a-z]+)?\/?$/, view: OperatorView },
];
