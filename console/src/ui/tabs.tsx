import { Link } from "./button.js";

interface TabsProps {
  readonly label: string;
  readonly tabs: readonly {
    readonly to: string;
    readonly text: string;
    readonly count?: string;
    readonly current: boolean;
  }[];
}

/** Links to the parts of a view. */
export function Tabs({ label, tabs }: TabsProps) {
  return (
    <nav class="tabs" aria-label={label}>
      {tabs.map(({ to, text, count, current }) => (
        <Link key={to} to={to} look="tab" current={current ? "page" : undefined}>
          {text}
          {count !== undefined && <span class="count">{count}</span>}
        </Link>
      ))}
    </nav>
  );
}
