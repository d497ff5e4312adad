// What htmx does not do: dropping files, questions that depend on others, rating by digits, and answers that arrive word by word.

for (const zone of document.querySelectorAll(".drop")) {
  const input = zone.querySelector("input[type=file]");
  for (const name of ["dragover", "dragenter"]) {
    zone.addEventListener(name, (event) => {
      event.preventDefault();
      zone.classList.add("over");
    });
  }
  for (const name of ["dragleave", "drop"]) {
    zone.addEventListener(name, (event) => {
      event.preventDefault();
      zone.classList.remove("over");
    });
  }
  zone.addEventListener("drop", (event) => {
    if (event.dataTransfer.files.length) input.files = event.dataTransfer.files;
  });
}

// A question of a form that is only put where another is answered with はい.
for (const field of document.querySelectorAll("[data-when]")) {
  const asked = document.getElementById(field.dataset.when);
  const show = () => (field.hidden = asked.value !== "はい");
  asked.addEventListener("change", show);
  show();
}

// Rating without a mouse: a digit chooses the mark of the criterion in focus and goes on to the next.
for (const form of document.querySelectorAll("form.rate")) {
  form.addEventListener("keydown", (event) => {
    const place = event.target.closest("fieldset");
    if (!place || !/^[1-5]$/.test(event.key) || event.ctrlKey || event.metaKey || event.altKey) return;
    place.querySelector(`input[value="${event.key}"]`).checked = true;
    const places = [...form.querySelectorAll("fieldset")];
    const next = places[places.indexOf(place) + 1];
    (next ? next.querySelector("input:checked") || next.querySelector("input") : form.querySelector("button")).focus();
  });
}

// An answer: one JSON object a line. It is shown as plain text while it comes; then the server's
// own, escaped form with its chips takes its place.
async function answer(place) {
  const text = place.querySelector(".text");
  let given = "";
  const take = (line) => {
    if (!line) return;
    const part = JSON.parse(line);
    if (part.problem) throw new Error(part.problem);
    given += part.text;
    text.textContent = given;
  };
  try {
    const response = await fetch(`${place.dataset.answer}/answer`, {
      method: "POST",
      headers: { "X-CSRF-Token": place.dataset.csrf },
    });
    if (!response.ok) throw new Error("回答を始められませんでした。ページを再読み込みしてください。");
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = "";
    for (;;) {
      const { value, done } = await reader.read();
      if (done) break;
      const lines = (rest + value).split("\n");
      rest = lines.pop();
      lines.forEach(take);
    }
    take(rest);
    await htmx.ajax("GET", place.dataset.answer, { target: place, swap: "outerHTML" });
  } catch (error) {
    text.textContent = error instanceof TypeError ? "サーバーとの接続が切れました。ページを再読み込みすると、もう一度答えます。" : error.message;
    place.removeAttribute("aria-busy");
    place.setAttribute("role", "alert");
  }
}

(async () => {
  for (const place of document.querySelectorAll("[data-answer]")) await answer(place);
})();
