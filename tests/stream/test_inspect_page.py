"""The page of `skillstream inspect` in a real headless Chromium: what it marks and links is what the server found, the slider
works, the keyboard is enough, a screen reader is told what there is, markup in ads stays text, records come in live."""
import json
import os

import harness as h
from browser import CTRL, Browser
from inspecting import EVIL, EVIL_SKILLS, Inspector, evil_record, evil_release

# Letters of one to four bytes before the skills: offsets are bytes there and UTF-16 units here.
TEXT = ("Caf\u00e9 \u2013 \u4f60\u597d \U0001f600 seeks a person to manage budgets and provide first aid. You also "
        "operate forklift trucks, d\u00e9j\u00e0 vu! \U0001f469\u200d\U0001f527 project management, contract law.\n\u2022 write technical reports\n----\n"
        "We are a friendly company.")
page, inspector = None, None

READ = """[...document.querySelectorAll('#sentences > li')].map(li => ({
  id: li.id, words: li.querySelector('.words').textContent,
  marks: [...li.querySelectorAll('mark')].map(m => m.textContent),
  links: [...li.querySelectorAll('.found a')].map(a => a.href)}))"""


def start():
    global page, inspector
    page = Browser()
    inspector = Inspector("--release", h.release("a"))
    page.open(inspector.url)
    page.wait("document.body.dataset.ready && document.querySelector('#status').textContent")


def give(title, body, browser=None):
    """Puts an ad into the form and waits for its result."""
    at = browser or page
    at.js(f"document.querySelector('#status').textContent = ''; document.querySelector('#title').value = {json.dumps(title)}; "
          f"document.querySelector('#body').value = {json.dumps(body)}; document.querySelector('#find').click()")
    at.wait("document.querySelector('#status').textContent || !document.querySelector('#problem').hidden")


def passing(record, threshold):
    return [m for m in record["mentions"] if m.get("probability", 0) >= threshold]


def is_named(m):
    """A span narrower than its sentence, or a sentence that is the label (none in these tests has more than dots around)."""
    return (m.get("begin", 0), m["end"]) != (m.get("sentenceBegin", 0), m["sentenceEnd"]) or m["text"].strip(" .").lower() == m["label"]


def marked(plain, mentions):
    """The words that at least one named mention covers, cut where any of them begins or ends (by hand, over bytes)."""
    spans = [(m.get("begin", 0), m["end"]) for m in mentions if is_named(m)]
    cuts = sorted({at for span in spans for at in span})
    return [plain[a:b].decode() for a, b in zip(cuts, cuts[1:]) if any(x <= a and b <= y for x, y in spans)]


def check_sentences(record, threshold):
    plain, shown = record["text"].encode(), {s["id"]: s for s in page.js(READ) if s["id"]}
    kept, total = passing(record, threshold), 0
    for number in {m.get("sentenceIndex", 0) for m in record["mentions"]}:
        here = [m for m in kept if m.get("sentenceIndex", 0) == number]
        one = next(m for m in record["mentions"] if m.get("sentenceIndex", 0) == number)
        item = shown[f"sentence-{number}"]
        sentence = plain[one.get("sentenceBegin", 0):one["sentenceEnd"]].decode()
        lead, found, _ = item["words"].partition(sentence)  # a bullet stands before the sentence of its line
        assert found and not any(c.isalnum() for c in lead), item
        assert item["marks"] == marked(plain, here), (item, marked(plain, here))
        assert item["links"] == [m["skillUri"] for m in here], (item, here)
        total += len(item["marks"])
    return total


def spans_are_the_right_words_and_links_the_right_skills():
    ads = [{"title": "Odd letters", "body": TEXT}] + inspector.get("/api/ads")[:5]
    own, marks = inspector.get("/api/about")["releases"][0]["threshold"], []
    for ad in ads:
        give(ad["title"], ad["body"])
        (record,) = inspector.records({"title": ad["title"], "body": ad["body"]})
        marks.append(check_sentences(record, own))
        letters = "".join("".join(s["words"] for s in page.js(READ)).split())
        assert letters == "".join(record["text"].split()), ad["title"]  # nothing is lost between sentences
    assert marks[0] >= 6, marks
    give("Odd letters", TEXT)
    found = {m for s in page.js(READ) for m in s["marks"]}
    assert {"manage budgets", "provide first aid", "operate forklift", "project management", "contract law",
            "write technical reports"} <= found, found
    uris = h.labels()
    for label in ("manage budgets", "contract law"):
        link = page.js(f"""(a => a && [a.href, a.target, a.rel])(
            [...document.querySelectorAll('#skills a')].find(a => a.firstChild.data === '{label}'))""")
        assert link == [uris[label], "_blank", "noopener noreferrer"] and link[0].startswith("http://data.europa.eu/esco/"), link


def bullets_stand_before_their_sentence_and_what_is_not_scored_has_no_number():
    give("", "Hello.\n\n- manage budgets\n\u2022 contract law -\n\n----\nproject management")
    lines = [s["words"] for s in page.js(READ)]
    assert lines[-3:] == ["- manage budgets", "\u2022 contract law - ----", "project management"], lines
    numbers = page.js("[...document.querySelectorAll('#sentences > li')].map(li => li.dataset.number)")
    assert page.js("document.querySelector('#unscored').hidden") == (None not in numbers), numbers


def an_ad_put_in_the_place_of_a_listed_one_is_not_given_its_title():
    listed = inspector.get("/api/ads")[0]["title"]
    for title, keeps in ((listed, ""), ("My own title", "My own title")):
        page.js("(p => { p.value = '0'; p.dispatchEvent(new Event('change')) })(document.querySelector('#pick'))")
        page.wait("!document.querySelector('#find').disabled")
        assert page.js("document.querySelector('#title').value") == listed
        page.js(f"(t => {{ t.value = {json.dumps(title)}; t.dispatchEvent(new Event('input')) }})(document.querySelector('#title'))")
        assert page.js("document.querySelector('#pick').value") == ("0" if title == listed else "")
        page.js("document.querySelector('#body').focus()")
        page.key("a", modifiers=CTRL)
        page.type("We want contract law.")
        assert page.js("document.querySelector('#title').value") == keeps
        assert page.js("document.querySelector('#pick').value") == "", "it is no ad of the list any more"


def the_slider_shows_and_hides_by_keyboard():
    give("Odd letters", TEXT)
    (record,) = inspector.records({"title": "Odd letters", "body": TEXT})
    own = inspector.get("/api/about")["releases"][0]["threshold"]
    page.tab_to("INPUT#threshold-0")
    for key, times, threshold in (("Home", 1, 0), ("ArrowRight", 3, 0.03), ("End", 1, 1), ("ArrowLeft", 40, 0.6)):
        page.key(key, times)
        assert page.js("document.querySelector('output').textContent") == f"{threshold:.2f}"
        check_sentences(record, threshold)
        skills = {m["skillUri"] for m in passing(record, threshold)}
        assert set(page.js("[...document.querySelectorAll('#skills-body td:first-child a')].map(a => a.href)")) == skills
        assert page.js("document.querySelector('#no-skills').hidden") == bool(skills)
        said = page.js("document.activeElement.getAttribute('aria-valuetext')")
        assert said.startswith(f"{threshold:.2f}, {len(skills)} skill"), said
    assert page.focused() == "INPUT#threshold-0"
    page.key("Tab")
    page.key("Enter")  # the button beside it
    check_sentences(record, own)
    page.key("Tab", modifiers=8)


def the_keyboard_is_enough_and_shows_where_it_is():
    page.open("about:blank")
    page.open(inspector.url)
    page.wait("document.body.dataset.ready && document.querySelector('#status').textContent")
    page.key("Tab")
    assert page.js("document.activeElement.className") == "skip"
    assert page.js("document.activeElement.getBoundingClientRect().width") > 50, "the skip link shows when it has the focus"
    way = ["A#to-ad", "A#to-live", "SELECT#pick", "INPUT#title", "TEXTAREA#body", "BUTTON#find", "INPUT#file", "INPUT#threshold-0"]
    for wanted in way:
        page.key("Tab")
        assert page.focused() == wanted, (wanted, page.focused())
        outline = page.js("""(e => { const s = getComputedStyle(e.id === 'file' ? e.previousElementSibling : e);
            return [s.outlineStyle, parseFloat(s.outlineWidth)] })(document.activeElement)""")
        assert outline[0] == "solid" and outline[1] >= 2, (wanted, outline)
    page.tab_to("TEXTAREA#body", modifiers=8)
    page.key("a", modifiers=CTRL)
    page.js("document.querySelector('#status').textContent = ''")
    page.type("We want contract law\nand first aid kits.")
    page.key("Enter", modifiers=CTRL)
    page.wait("document.querySelector('#status').textContent")
    assert "contract law" in page.js("[...document.querySelectorAll('mark')].map(m => m.textContent)")
    page.wait("!document.querySelector('#find').disabled")
    for _ in range(40):
        page.key("Tab")
        if page.js("document.activeElement.matches('.found a')"):
            break
    assert page.js("document.querySelectorAll('mark.lit').length") == 1, "the words of the skill under the focus are lit"
    for _ in range(40):
        page.key("Tab")
        if page.js("document.activeElement.matches('.places a')"):
            break
    number = page.js("document.activeElement.textContent")
    page.key("Enter")
    assert page.focused() == f"LI#sentence-{int(number) - 1}"
    page.tab_to("A#to-live", modifiers=8)
    page.key("Enter")
    page.wait("!document.querySelector('#live-view').hidden")
    assert page.js("document.querySelector('#ad-view').hidden") and page.js("document.title").startswith("Live")
    page.tab_to("A#to-ad", modifiers=8)
    page.key("Enter")
    page.wait("document.querySelector('#live-view').hidden")


def a_screen_reader_is_told_what_there_is():
    give("Odd letters", TEXT)
    told = page.accessible()
    roles = {}
    for role, name, _ in told:
        roles.setdefault(role, []).append(name)
    for role, name in (("banner", ""), ("main", ""), ("contentinfo", ""), ("navigation", "Views"), ("form", "The ad"), ("region", "Result"),
                       ("heading", "Skill inspector"), ("heading", 'Sentences of "Odd letters"'), ("heading", "Skills"),
                       ("combobox", "Ads on offer"), ("textbox", "Title"), ("textbox", "Ad"), ("slider", "Threshold"),
                       ("button", "Find skills"), ("table", "Skills of the ad, most probable first"), ("columnheader", "Probability"),
                       ("list", "Skills of this sentence")):
        assert name in roles.get(role, []), (role, name, roles.get(role))
    assert "status" in roles
    for role, name, properties in told:
        if role in ("button", "link", "textbox", "slider", "combobox", "checkbox"):
            assert name.strip(), (role, properties)
    status = page.js("document.querySelector('#status').textContent")
    assert "skills in" in status and "sentences of 5" in status, status
    (slider,) = [p for role, _, p in told if role == "slider"]
    assert (slider["valuemin"], slider["valuemax"]) == (0, 1) and 0 < slider["value"] < 1, slider
    (link,) = {n for n in roles["link"] if n.startswith("contract law")}
    assert "opens" in link
    page.js("location.hash = '#live'")
    page.wait("document.querySelector('#live-state').textContent")
    assert ("button", "Pause") in [(role, name) for role, name, _ in page.accessible()]
    page.js("location.hash = '#ad'")
    page.wait("document.querySelector('#live-view').hidden")


# The least contrast of any text with what is behind it, as WCAG counts it, and where that is.
CONTRAST = """(() => {
  const parse = c => { const n = c.match(/[\\d.]+/g).map(Number); return n.length > 3 && n[3] === 0 ? null : n.slice(0, 3); };
  const light = rgb => { const [r, g, b] = rgb.map(v => (v /= 255) <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4);
    return .2126 * r + .7152 * g + .0722 * b; };
  const behind = e => { for (; e; e = e.parentElement) { const c = parse(getComputedStyle(e).backgroundColor); if (c) return c; }
    return [255, 255, 255]; };
  let least = [99, ''];
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let n; (n = walk.nextNode());) {
    const e = n.parentElement;
    if (!n.data.trim() || !e.checkVisibility() || e.closest('.hidden-text, script, noscript')) continue;
    const [a, b] = [light(parse(getComputedStyle(e).color)), light(behind(e))].sort((x, y) => y - x);
    const ratio = (a + .05) / (b + .05);
    if (ratio < least[0]) least = [ratio, e.tagName + '.' + e.className + ': ' + n.data.trim().slice(0, 40)];
  }
  return least; })()"""


def text_is_readable_in_light_and_dark_and_on_a_small_screen():
    give("Odd letters", TEXT)
    page.js("document.querySelectorAll('mark')[1].classList.add('lit'); document.querySelector('#problem').hidden = false; "
            "document.querySelector('#problem').textContent = 'a problem'; document.querySelector('#sentence-0').focus()")
    grounds = []
    for scheme in ("light", "dark"):
        page.colours(scheme)
        least, where = page.js(CONTRAST)
        assert least >= 4.5, (scheme, least, where)
        grounds.append(page.js("getComputedStyle(document.body).backgroundColor"))
    assert grounds[0] != grounds[1], grounds
    page.colours("light")
    for width in (320, 700, 1000, 1360):
        page.size(width, 900)
        wide = page.js(f"[...document.querySelectorAll('body *')].filter(e => e.getBoundingClientRect().right > {width})"
                       ".map(e => e.tagName + '#' + e.id + '.' + e.className)")
        assert page.js("document.documentElement.scrollWidth") <= width, (width, wide)
    page.size(1360, 900)


def json_files_and_refusals_work():
    give("", json.dumps({"@type": "JobPosting", "title": "From JSON", "description": "<p>contract law</p>"}))
    assert page.js("document.querySelector('#sentences-title').textContent") == 'Sentences of "From JSON"'
    assert page.js(READ)[0]["marks"] == ["contract law"] and not page.complaints, page.complaints
    for name, content in (("ad.jsonl", json.dumps({"title": "Second", "text": "manage budgets"}) + "\n{}\n"), ("ad.txt", "manage budgets"),
                          ("ad.html", "<ul><li>manage budgets</ul>")):
        path = os.path.join(h.scratch(), name)
        with open(path, "w") as file:
            file.write(content)
        page.js("document.querySelector('#status').textContent = ''")
        page.choose_file("#file", path)
        page.wait("document.querySelector('#status').textContent")
        assert page.js(READ)[0]["marks"] == ["manage budgets"], name
    give("", '{"neither": "title nor text"}')
    assert page.js("document.querySelector('#found').hidden") and "JobPosting" in page.js("document.querySelector('#problem').textContent")
    give("", "x" * 300000)
    assert "--max-body" in page.js("document.querySelector('#problem').textContent")
    assert all("400" in text for text in page.complaints), page.complaints  # Chromium's own line on that answer
    page.complaints.clear()
    give("x", "manage budgets")
    assert page.js("document.querySelector('#problem').hidden && !document.querySelector('#found').hidden")


def markup_in_ads_and_skills_stays_text():
    inspector_of_evil = Inspector("--release", evil_release(), "--threshold", 0)
    with Browser() as other:
        other.open(inspector_of_evil.url)
        other.wait("document.body.dataset.ready && document.querySelector('#status').textContent")
        for title, body in ((EVIL, EVIL + " weld steel"), (EVIL, "&lt;script&gt;window.hit = 1&lt;/script&gt; project management"),
                            ("", json.dumps({"title": EVIL, "text": EVIL}))):
            give(title, body, other)
            assert other.js("document.querySelector('#problem').hidden")
            assert EVIL in other.js("document.querySelector('#sentences-title').textContent")
            assert "<script>window.hit" in other.js("document.querySelector('#sentences').textContent")
            text = other.js("document.querySelector('#skills').textContent")
            assert all(label in text for _, label in EVIL_SKILLS), text
            assert other.js("document.querySelectorAll('main script, main img, main b, main [onerror], main [onmouseover]').length") == 0
            links = other.js("[...document.querySelectorAll('#skills td:first-child a')].map(a => a.href)")
            assert len(links) == 3 and all(link.startswith("http://example.org/") for link in links), links
        assert other.js("window.hit") is None and EVIL[:40] in other.js("document.querySelector('#releases').textContent")
        assert other.complaints == [], other.complaints
        blocked = other.js("(() => { try { document.body.innerHTML = 'x'; return false } catch (e) { return e.name } })()")
        assert blocked == "TypeError", blocked  # the browser itself refuses to make markup of text
        assert other.js("fetch('https://example.org/').then(() => 'sent', e => 'refused')") == "refused"
    assert inspector_of_evil.end() == 0


def two_releases_are_compared():
    both = Inspector("--release", h.release("a"), "--compare", h.release("b"))
    with Browser() as other:
        other.open(both.url)
        other.wait("document.body.dataset.ready && document.querySelector('#status').textContent")
        ad = {"title": "Two", "body": TEXT}
        give(ad["title"], ad["body"], other)
        other.js("for (const i of [0, 1]) { const s = document.querySelector('#threshold-' + i); s.value = 0; "
                 "s.dispatchEvent(new Event('input')); }")
        a, b = ({(m.get("sentenceIndex", 0), m["skillUri"]) for m in passing(record, 0)} for record in both.records(ad))
        assert a & b and a ^ b, (a, b)
        chips = """[...document.querySelectorAll('#sentences > li')].flatMap(li => [...li.querySelectorAll('.found > li')].map(c =>
            [Number(li.id.slice(9)), c.querySelector('a').href, c.className]))"""
        shown = {(number, uri): kind for number, uri, kind in other.js(chips)}
        assert set(shown) == a | b
        assert {k for k, kind in shown.items() if kind == "only-a"} == a - b and {k for k, kind in shown.items() if kind == "only-b"} == b - a
        assert other.js("[...document.querySelectorAll('#skills-head th')].map(t => t.textContent)") == ["Skill", "A", "B", "Where"]
        other.tab_to("INPUT#differences")
        other.key(" ")
        assert {(n, uri) for n, uri, _ in other.js(chips)} == a ^ b
        assert not other.complaints, other.complaints
    assert both.end() == 0


def records_of_a_real_topic_come_in_live():
    page.js("location.hash = '#live'")
    page.wait("document.querySelector('#live-state').textContent.includes('--bootstrap')")
    kafka = h.Kafka()
    kafka.create("live")
    live = Inspector("--release", h.release("a"), "--bootstrap", kafka.bootstrap, "--topic", "live", "--from-beginning")
    titles = "[...document.querySelectorAll('.record h3')].map(t => t.textContent)"
    with Browser() as other:
        other.open(live.url + "#live")
        other.wait("document.querySelector('#live-state').textContent === 'Reading topic live.'", 40)
        kafka.publish("live", [(str(i), evil_record(i), None) for i in range(3)])
        other.wait(titles + ".length === 3")
        assert other.js(titles) == [f"{EVIL} title {i}" for i in (2, 1, 0)]  # newest first
        assert other.js("document.querySelector('#live-count').textContent") == "3 records read"
        assert other.js("[...document.querySelector('.record').querySelectorAll('.found > li')].map(c => c.firstChild.firstChild.data)") == [
            label for _, label in EVIL_SKILLS]
        assert len(other.js("[...document.querySelector('.record').querySelectorAll('a')].map(a => a.href)")) == 3
        other.tab_to("BUTTON#pause")
        other.key("Enter")
        with_text = h.protos()[1].SkillRecord(ad_id="t", title="With text", release="cd" * 32, sentence_count=1, text="We weld.")
        with_text.mentions.add(skill_uri="http://example.org/weld", label="weld", score=0.5, probability=0.02, sentence_end=8, begin=3, end=7)
        kafka.publish("live", [("t", with_text.SerializeToString(), None)])
        h.until(lambda: live.get("/api/records")["read"] == 4, "the server has it")
        assert len(other.js(titles)) == 3 and other.js("document.querySelector('#pause').getAttribute('aria-pressed')") == "true"
        other.key("Enter")
        other.wait(titles + "[0] === 'With text'")
        other.js("document.querySelector('.record button').focus()")
        other.key("Enter")
        other.wait("!document.querySelector('#ad-view').hidden")
        assert other.js("[...document.querySelectorAll('mark')].map(m => m.textContent)") == ["weld"]
        form = "['#pick', '#title', '#body'].map(id => document.querySelector(id).value)"
        assert other.js(form) == ["", "With text", "We weld."]  # the form holds the ad that is shown
        assert other.js("window.hit") is None and other.complaints == [], other.complaints
    assert live.end() == 0


def nothing_was_asked_of_anyone_else():
    page.js("1")
    assert page.requests and all(url.startswith((inspector.url, "about:")) for url in page.requests), page.requests
    assert page.complaints == [], page.complaints
    assert inspector.end() == 0
    page.js("location.hash = '#live'")
    page.wait("document.querySelector('#live-state').textContent.includes('does not answer')")


h.main(start, spans_are_the_right_words_and_links_the_right_skills,
       bullets_stand_before_their_sentence_and_what_is_not_scored_has_no_number,
       an_ad_put_in_the_place_of_a_listed_one_is_not_given_its_title, the_slider_shows_and_hides_by_keyboard,
       the_keyboard_is_enough_and_shows_where_it_is, a_screen_reader_is_told_what_there_is,
       text_is_readable_in_light_and_dark_and_on_a_small_screen, json_files_and_refusals_work, markup_in_ads_and_skills_stays_text,
       two_releases_are_compared, records_of_a_real_topic_come_in_live, nothing_was_asked_of_anyone_else)
