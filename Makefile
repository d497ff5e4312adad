# make demo   データの検査から学習・評価・報告書までを、この 1 台で行います（2 回目は終わった所を飛ばします）
# make model  make demo と同じ学習をして、モデルを models/ に置きます（モデルカードつき、10 MB まで）
# make app    サーバーを起動し、画面をブラウザーで開きます（Ctrl-C で止まります）
# make test   テストを実行します
# make test-services  PostgreSQL・Ray・LibreOffice・ffmpeg を使うテストの準備をします（入れられない環境では飛ばします）
# make test-e2e  画面をブラウザー（Chromium）で操作するテストを実行します（入れられない環境では飛ばします）
# make docs   手引きを site/ に作ります（site/index.html を開くだけで読めます）
# make screenshots  手引きの画面の図（docs/images/）を、make demo の結果を開いた画面から撮ります
# make lint   書式・型・部屋の間の依存を検査します

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt

.PHONY: demo model app test test-e2e test-services docs screenshots lint clean

demo: $(VENV)/.local
	@$(BIN)/python scripts/demo.py

model: demo
	@$(BIN)/homutune model release latest

app: $(VENV)/.local
	@$(BIN)/homutune serve --open

test: $(VENV)/.dev
	@$(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder $(ARGS)

test-e2e: $(VENV)/.dev
	@sh scripts/install_chromium.sh
	@$(BIN)/python -m pytest -m e2e tests/web tests/evaluation $(ARGS)

test-services: $(VENV)/.dev
	@$(INSTALL) -e '.[postgres,ray]' || echo "psycopg と Ray を入れられないため、そのテストは飛ばします。"
	@sh scripts/install_postgresql.sh
	@sh scripts/install_libreoffice.sh
	@$(INSTALL) -e '.[video]' || echo "音声合成を入れられないため、動画のテストは飛ばします。"
	@sh scripts/install_ffmpeg.sh

docs: $(VENV)/.dev
	@NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict --quiet
	@echo "手引き: site/index.html"

screenshots: $(VENV)/.dev
	@sh scripts/install_chromium.sh
	@$(BIN)/python scripts/screenshots.py $(ARGS)

lint: $(VENV)/.dev
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

$(VENV)/.local: pyproject.toml constraints.txt
	@echo "準備: 仮想環境 $(VENV) に homutune とローカルエンジンを入れます（初回は数分）"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(INSTALL) -e '.[local,assistant]'
	@touch $@

$(VENV)/.dev: $(VENV)/.local
	@echo "準備: テストと検査の道具を入れます"
	@$(INSTALL) -e '.[local,assistant,embeddings,dev,docs]'
	@touch $@

clean:
	rm -rf $(VENV) dist site
