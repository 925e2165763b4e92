// Runs before the first paint, so that a dark wall screen never flashes white while the page loads.
try {
  const chosen = localStorage.getItem('millrace.theme');
  if (chosen === 'light' || chosen === 'dark') document.documentElement.dataset.theme = chosen;
} catch {
  // Storage is blocked: the system's own setting decides.
}
