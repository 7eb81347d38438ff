"""What runs in the visitor's browser: scripts of events, and templates filled in there."""

import json

from t2i.networks.text import ALPHABET, KEYBOARD, MAX_CHARACTERS

# Runs in the browser before each drawing: a short new seed if one is wanted, and the large view closes.
NEXT_SEED = """(seed, renew) => [
    renew ? Math.floor(Math.random() * 1e6) : seed, null, {__type__: "update", selected_index: null}
]"""
CLOSE = """() => ({__type__: "update", selected_index: null})"""
# And before pictures near one: other noises to go towards.
NEXT_NEAR = """() => [false, Math.floor(Math.random() * 1e4), {__type__: "update", selected_index: null}]"""

# In the browser, too: an event that asks the server about the caption would wipe its message away. It reads as
# `t2i.networks.text.legible`; white space is what Python takes for it.
_TO_KEYBOARD = "".join(f".replace(/[{typographic}]/g, {json.dumps(plain)})" for typographic, plain in KEYBOARD.items())
COUNT = f"""caption => {{
    const known = new Set({json.dumps(ALPHABET)});
    const plain = (caption ?? "").normalize("NFKD"){_TO_KEYBOARD}
        .replace(/\\uFEFF/g, "").replace(/[\\s\\x1C-\\x1F\\x85]/g, " ");
    const legible = [...plain].filter(c => known.has(c.toLowerCase())).join("");
    const used = legible.replace(/ +/g, " ").trim().length;
    return `${{used}} of {MAX_CHARACTERS} characters` + (used > {MAX_CHARACTERS} ? ": too long" : "");
}}"""

# The clipboard is closed to pages that are not served over https; the link then stands there to be copied.
SHARE = """async (caption, seed, near, strength, model, size) => {
    const link = new URL(location.pathname, location.origin);
    const nearby = near === null ? {} : {near, strength};
    link.search = new URLSearchParams({caption, seed, ...nearby, model, ...(size && {size})});
    let label = "Link to these pictures";
    try { await navigator.clipboard.writeText(link.href); label += ": copied"; } catch { }
    return {__type__: "update", value: link.href, label};
}"""
OPENED = "() => [location.search]"

SWAP = "(a, b, amount) => [b, a, Math.round(100 - 100 * amount) / 100]"
RESET = "() => [0, 0]"

# A square to point at, with a mark at its value [across, down], each 0 to 1.
SQUARE = """<div class="square" style="--across: ${value[0]}; --down: ${value[1]}" aria-hidden="true"><i></i></div>"""
POINTED = """
    const share = (at, from, length) => Math.round(100 * Math.min(1, Math.max(0, (at - from) / length))) / 100;
    const point = event => {
        const box = element.querySelector(".square").getBoundingClientRect();
        props.value = [share(event.clientX, box.left, box.width), share(event.clientY, box.top, box.height)];
        trigger("input");
    };
    element.addEventListener("pointerdown", event => {
        event.preventDefault();
        element.setPointerCapture(event.pointerId);
        point(event);
    });
    element.addEventListener("pointermove", event => event.buttons && point(event));
"""

# The square of a photograph that is read, to be dragged: [width by height, across, down, share]; 0 without one.
FRAME = """${value[0] ? (() => {
    const [ratio, across, down, share] = value, percent = part => `${(100 * part).toFixed(2)}%`;
    const wide = share * Math.min(1, 1 / ratio), high = share * Math.min(1, ratio);
    return `<div class="framed" style="--ratio: ${ratio}" aria-hidden="true"><i
        style="width: ${percent(wide)}; height: ${percent(high)}; left: ${percent(across - across * wide)};
        top: ${percent(down - down * high)}"></i></div>`;
})() : ""}"""
FRAMED = """
    const share = (at, from, length, side) => length - side < 1 ? 0.5 :
        Math.round(100 * Math.min(1, Math.max(0, (at - from - side / 2) / (length - side)))) / 100;
    const move = event => {
        const [whole, part] = [".framed", "i"].map(name => element.querySelector(name).getBoundingClientRect());
        const across = share(event.clientX, whole.left, whole.width, part.width);
        const down = share(event.clientY, whole.top, whole.height, part.height);
        props.value = [props.value[0], across, down, props.value[3]];
        trigger("input");
    };
    element.addEventListener("pointerdown", event => {
        if (!event.target.closest(".framed")) return;
        event.preventDefault();
        element.setPointerCapture(event.pointerId);
        move(event);
    });
    element.addEventListener("pointermove", event => event.buttons && props.value[0] && move(event));
"""
# A photograph's proportions, and its middle square to begin with.
FRAMING = """async photo => {
    if (!photo) return [[0, 0.5, 0.5, 1], 0.5, 0.5, 1];
    const image = new Image();
    image.src = photo.url;
    try { await image.decode(); } catch { }  // of what is no picture the server tells
    return [[image.naturalWidth / image.naturalHeight || 0, 0.5, 0.5, 1], 0.5, 0.5, 1];
}"""
PLACED = "(frame, ...place) => [[frame[0], ...place]]"

# Pictures of few pixels are enlarged crisp, others as browsers do: each tells which it is once it is there.
LARGE = """() => {
    const note = image => image.toggleAttribute("data-large", image.naturalWidth > 128);
    document.addEventListener("load", event => event.target instanceof HTMLImageElement && note(event.target), true);
    document.querySelectorAll("img").forEach(note);
}"""
# Answers once nothing has been moved for a moment; earlier movements change nothing.
AT_REST = """() => new Promise(done => {
    window.moving?.({__type__: "update"});
    window.moving = done;
    clearTimeout(window.resting);
    window.resting = setTimeout(() => done(Date.now()), 300);
})"""

# Filled in the browser from plain values, so that the API can give these. Captions come from anybody: escaped.
SAFE = 'const safe = text => text.replace(/[^\\w ]/g, c => "&#" + c.codePointAt() + ";");'
WORDS = """<p class="sentence">${(() => { SAFE
    return (value ?? []).map(w => `<mark style="--weight: ${w.weight}">${safe(w.word)}</mark>`).join(" ");
})()}</p><ol class="cards">${(() => { SAFE
    return (value ?? []).map(w => `<li style="--weight: ${w.weight}">
        <img src="${safe(w.image.url)}" width="64" height="64" alt="Painted without ${safe(w.word)}">
        <img src="${safe(w.where.url)}" width="64" height="64" alt="What ${safe(w.word)} changes, in orange">
        <span class="bar" aria-hidden="true"></span>
        <span>without <b>${safe(w.word)}</b></span> <small>${(100 * w.change).toFixed(1)}% changes</small>
    </li>`).join("");
})()}</ol>${(() => { SAFE
    const card = (w, o) => `<li><img src="${safe(o.image.url)}" width="64" height="64"
        alt="Painted with ${safe(o.word)} instead of ${safe(w.word)}"><span>${safe(o.word)}</span></li>`;
    return (value ?? []).filter(w => w.others.length).map(w => `<p class="instead">Instead of <b>${safe(w.word)}</b></p>
        <ol class="cards">${w.others.map(o => card(w, o)).join("")}</ol>`).join("");
})()}""".replace("SAFE", SAFE)
BARS = """<ol class="bars">${(() => { SAFE
    if (!value) return "";
    if (!value.length) return "<li>This model comes without its judge.</li>";
    return value.map((m, k) => `<li class="${k ? "" : "own"}" style="--weight: ${m.weight}">
        <span>${k ? "" : "<b>its own:</b> "}${safe(m.caption)}</span><span>${(100 * m.match).toFixed(1)}%</span>
        <span class="bar" aria-hidden="true"></span>
    </li>`).join("");
})()}</ol>""".replace("SAFE", SAFE)

TEXT, NUMBER = {"type": "string"}, {"type": "number"}
FILE = {"type": "object", "properties": {"path": TEXT, "url": TEXT}}
OTHERS = {"type": "array", "items": {"type": "object", "properties": {"word": TEXT, "image": FILE}}}
WORD_SCHEMA = {"word": TEXT, "change": NUMBER, "weight": NUMBER, "image": FILE, "where": FILE, "others": OTHERS}
MATCH_SCHEMA = {"caption": TEXT, "match": NUMBER, "weight": NUMBER}


def surprise(parts: tuple[tuple[str, ...], ...]) -> str:
    """Script of a sentence by chance, a part of each; as long as there are others, none comes twice in a visit."""
    return f"""() => {{
        const seen = window.surprises ??= new Set(), parts = {json.dumps(parts)};
        const pick = words => words[Math.floor(Math.random() * words.length)];
        let sentence = "";
        for (let k = 0; k < 1000 && (!sentence || seen.has(sentence)); k++)
            sentence = parts.map(pick).filter(Boolean).join(" ");
        seen.add(sentence);
        return sentence;
    }}"""
