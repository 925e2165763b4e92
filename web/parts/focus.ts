/**
 * As `ref` of the first field of a form that appears on a press: puts the cursor there. The `autofocus` attribute works
 * only while a page is loading.
 */
export function focusOnAppearance(element: HTMLElement | null): void {
  element?.focus();
}
