import { useEffect, useRef } from "preact/hooks";
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

/** Links to the parts of a view, on one line that scrolls where it does not fit. */
export function Tabs({ label, tabs }: TabsProps) {
  const line = useRef<HTMLElement>(null);
  const current = tabs.findIndex((tab) => tab.current);
  useEffect(() => {
    const tab = line.current?.children[current];
    if (line.current && tab instanceof HTMLElement)
      line.current.scrollLeft =
        tab.offsetLeft - line.current.offsetLeft - (line.current.clientWidth - tab.offsetWidth) / 2;
  }, [current]);
  return (
    <nav ref={line} class="tabs" aria-label={label}>
      {tabs.map(({ to, text, count, current: isCurrent }) => (
        <Link key={to} to={to} look="tab" current={isCurrent ? "page" : undefined}>
          {text}
          {count !== undefined && <span class="count">{count}</span>}
        </Link>
      ))}
    </nav>
  );
}
