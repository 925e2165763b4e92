/** The mark: three lines of running water. */
export function Mark() {
  return (
    <svg class="mark" viewBox="0 0 24 24" aria-hidden="true" focusable="false">
      {[7, 12.5, 18].map((y) => (
        <path key={y} d={`M2 ${y}c3.3 0 3.3 3 6.6 3s3.3-3 6.6-3 3.3 3 6.8 3`} />
      ))}
    </svg>
  );
}
