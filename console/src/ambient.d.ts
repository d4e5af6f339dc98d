/** A style sheet as text, for `CSSStyleSheet`. */
declare module "*.css?inline" {
  const css: string;
  // biome-ignore lint/style/noDefaultExport: this is how Vite exports it.
  export default css;
}
