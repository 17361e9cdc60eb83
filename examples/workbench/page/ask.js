// One request to the API: the object it answers, or an error whose message is a sentence for people.
import { describe } from "./problem.js";

export async function ask(path, body) {
  const options = body === undefined ? { cache: "no-store" } : {
    method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body),
  };
  const response = await fetch(`api/${path}`, options).catch(() => {
    throw new Error("the door does not answer: is reeve running?");
  });
  if (!response.ok) throw new Error(await describe(response));
  return response.json();
}
