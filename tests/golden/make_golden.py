"""Writes tests/golden/data: invented inputs with the token ids and embeddings of sentence-transformers.

    make_golden.py MODELS_FOLDER [OUTPUT_FOLDER]

MODELS_FOLDER has all-MiniLM-L6-v2 and all-mpnet-base-v2. Needs sentence-transformers. Texts are embedded one at a time
in fp32 on the CPU, so no padding takes part. Output:
    inputs.jsonl        {i, kind, text, minilm: ids, n_minilm, mpnet: ids, n_mpnet}; ids as truncated by the model's limit
                        with special tokens, n_* before truncation
    minilm.npy, mpnet.npy                float32 [inputs, dims], L2-normalised
    layers_minilm.npy                    float32 [layers + 1, tokens, dims], all hidden states of input layers_text
    meta.json
All texts are invented for this file; nothing is taken from real ads.
"""

import json
import pathlib
import sys

MODELS = {"minilm": "all-MiniLM-L6-v2", "mpnet": "all-mpnet-base-v2"}

INPUTS = {
    "edge": ["", " ", "\t\n \r", "a", ".", "...", "\x00", "in\x00side\x07 control\x1f", "\ufeffbyte order mark",
             "zero\u200bwidth \u200djoiner", "\ufffd replaced \ufffd", "non\u00a0breaking\u2003blanks\u3000here",
             "ABCabc" * 17, "x" * 100, "x" * 101, "soft\u00adhyphen and \u2028 separators \u2029"],
    "accent": ["Café-Bedienung für Zürich gesucht, naïve Ansätze unerwünscht", "e\u0301le\u0300ve, a\u030angstro\u0308m",
               "İstanbul'da yazılım geliştirici", "ΟΔΥΣΣΕΥΣ και λόγος, τελικό Σ", "Straße, ǅ, ﬁnance, Ⅷ, ½",
               "Kỹ sư phần mềm tại Hà Nội", "≮ ≠ ≯ \u212a \u212b"],
    "script": ["Опыт работы с базами данных от 3 лет", "熟练掌握数据库设计与优化。", "データ分析の経験がある方、歓迎します",
               "데이터베이스 설계 경험이 있는 분", "خبرة في تطوير البرمجيات", "प्रोग्रामिंग का अनुभव आवश्यक है",
               "ผู้พัฒนาซอฟต์แวร์", "豈更車 \U00020000\U0002f800", "Ελληνικά μικρά ᾳ ΐ"],
    "emoji": ["We 💙 good code 🚀🚀", "👩‍💻 remote 🏠 / 🇩🇪 hybrid", "☎️ call us ✓"],
    "tech": ["C++/C#/.NET 8, Node.js & TypeScript (5+ yrs.)", "k8s, CI/CD, Terraform >= 1.5; AWS (EC2, S3, RDS)",
             "Must know x86-64 assembly, SIMD (AVX-512) and cache-aware design", "mail jobs@example.org or https://example.org/jobs?id=42#apply",
             "$90k-$120k/yr + 0.5% equity", "SQL: SELECT * FROM skills WHERE id <> 'x_1';", "TCP/IP; IPv6 -- 802.1X"],
    "special": ["[MASK] and [CLS] in the text [SEP] again", "<s>tags</s> <mask> <pad> <unk> <UNK>", "[mask] [PAD] [UNK]x[UNK]",
                "<pad><pad>leading pads", "a<mask>b  <mask>  c"],
    "sentence": ["You will design and operate event streaming platforms for millions of messages a day.",
                 "Experience with patient care, medication plans and night shifts is required.",
                 "Forklift licence needed; loading and unloading of lorries in our warehouse.",
                 "We offer free coffee, a dog-friendly office and thirty days of holiday.",
                 "Prepares tax returns for small firms and answers questions of the tax office.",
                 "manage budgets", "weld metal", "Speak English and Dutch fluently."],
    "long": [" ".join(f"Requirement {n}: plan, build and run service number {n} with care." for n in range(12)),
             " ".join(f"Task {n} is to test part {n * n} of the machine and to write a report." for n in range(40)),
             "unbroken" * 60 + " end", "word " * 254, "word " * 255, "word " * 382, "word " * 383, "résumé, " * 200],
}
LAYERS_TEXT = "weld metal"  # short: every token takes 10 kB


def ids_of(model, text):
    tokenizer = model.tokenizer
    full = tokenizer(text, truncation=False, padding=False)["input_ids"]
    cut = tokenizer(text, truncation=True, max_length=model.max_seq_length, padding=False)["input_ids"]
    return cut, len(full)


def hidden_states(model, text):
    import numpy as np
    import torch
    ids = torch.tensor([ids_of(model, text)[0]])
    with torch.no_grad():
        states = model[0].auto_model(input_ids=ids, output_hidden_states=True).hidden_states
    return np.stack([state[0].numpy() for state in states]).astype("<f4")


def main():
    import numpy as np
    import sentence_transformers
    import torch
    models = pathlib.Path(sys.argv[1])
    out = pathlib.Path(sys.argv[2]) if len(sys.argv) > 2 else pathlib.Path(__file__).parent / "data"
    out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    rows = [dict(i=i, kind=kind, text=text)
            for i, (kind, text) in enumerate((kind, text) for kind, texts in INPUTS.items() for text in texts)]
    layers_text = next(row["i"] for row in rows if row["text"] == LAYERS_TEXT)
    for key, folder in MODELS.items():
        model = sentence_transformers.SentenceTransformer(str(models / folder), device="cpu",
                                                          model_kwargs={"attn_implementation": "eager"})
        vectors = []
        for row in rows:
            row[key], row["n_" + key] = ids_of(model, row["text"])
            vectors.append(model.encode([row["text"]], normalize_embeddings=True)[0])
        np.save(out / f"{key}.npy", np.stack(vectors).astype("<f4"))
        if key == "minilm":
            np.save(out / f"layers_{key}.npy", hidden_states(model, rows[layers_text]["text"]))
    with open(out / "inputs.jsonl", "w", encoding="ascii") as file:
        for row in rows:
            file.write(json.dumps(row, separators=(",", ":")) + "\n")
    meta = dict(layers_text=layers_text, torch=torch.__version__, sentence_transformers=sentence_transformers.__version__)
    (out / "meta.json").write_text(json.dumps(meta) + "\n")


if __name__ == "__main__":
    main()
