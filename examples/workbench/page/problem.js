// What reeve says when a process behind it is not there (application/problem+json): one sentence for people.
export async function describe(response) {
  const type = response.headers.get("Content-Type") ?? "";
  if (!type.startsWith("application/problem+json")) return `${response.status} ${response.statusText}`;
  const problem = await response.json();
  const again = response.headers.get("Retry-After");
  const cause = problem.cause?.text ?? problem.detail ?? problem.title;
  return `${response.status}: ${cause}${again ? ` · next try in ${again} s` : ""}`;
}
