"""The chat page, as a person uses it."""

import asyncio
import re

import pytest
from playwright.async_api import expect

from tests.browser.asking import ask, expect_end
from tests.browser.conftest import Reading
from tests.fakes.script import DIES, HANGS, ScriptedModel, Thinks
from tests.fakes.scripted_ollama import ScriptedOllama

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]


async def test_a_question_is_routed_and_its_answer_read_as_it_comes(reading: Reading, model: ScriptedModel) -> None:
    more = asyncio.Event()
    model.says = ["It ", "is **fo", more, "ur**."]

    async with reading("/chat") as page:
        answer = await ask(page, "What does this python function return?")
        await expect(answer.locator(".prose")).to_have_text("It is **fo")
        await expect(answer).to_have_attribute("aria-busy", "true")
        await expect(answer.locator(".route-domain")).to_have_text("code")
        await expect(answer.locator(".route-percent")).to_contain_text("%")
        more.set()
        await expect_end(answer)

        await expect(answer.locator(".prose strong")).to_have_text("four")
        await expect(answer.locator(".usage")).to_contain_text(re.compile(r"scripted:1b.*3 tokens.*in all", re.DOTALL))
        await expect(page).to_have_title(re.compile("What does this python function return"))
        await expect(page.locator("#conversations li.is-current")).to_contain_text("What does this python function")
        await expect(page.get_by_label("Your message")).to_be_focused()
        await expect(page.get_by_label("Your message")).to_have_value("")
        assert re.search(r"/chat/[0-9a-f-]{36}$", page.url)


async def test_a_second_question_goes_on_with_the_conversation(reading: Reading, engine: ScriptedOllama) -> None:
    async with reading("/chat") as page:
        await expect_end(await ask(page, "First?"))
        address = page.url
        await expect_end(await ask(page, "Second?"))

        assert page.url == address
        await expect(page.locator("#conversations li")).to_have_count(1)
        await expect(page.locator("#conversations li")).to_contain_text("2 turns")
        said = [message["content"] for message in engine.asked("/api/chat")[-1]["messages"]]
        assert said == ["First?", "Hello there.", "Second?"]


async def test_stop_stops_the_engine_and_keeps_what_came(
    reading: Reading, model: ScriptedModel, engine: ScriptedOllama
) -> None:
    model.says = ["Half of it", HANGS]

    async with reading("/chat") as page:
        answer = await ask(page, "A long story, please")
        await expect(answer.locator(".prose")).to_have_text("Half of it")
        await expect(page.get_by_role("button", name="Send")).to_be_hidden()
        await page.get_by_role("button", name="Stop").click()
        await expect_end(answer)

        await expect(answer).to_contain_text("Half of it")
        await expect(answer).to_contain_text("Stopped.")
        await expect(page.get_by_role("button", name="Stop")).to_have_count(0)
        await expect(page.get_by_role("button", name="Send")).to_be_visible()
        await expect(page.get_by_label("Your message")).to_be_focused()
        async with asyncio.timeout(5):
            await engine.until(lambda: engine.cut == 1)


async def test_a_page_loaded_again_goes_on_with_the_running_answer(reading: Reading, model: ScriptedModel) -> None:
    more = asyncio.Event()
    model.says = ["Before", more, " and after."]

    async with reading("/chat") as page:
        await expect((await ask(page, "Tell me")).locator(".prose")).to_have_text("Before")
        await page.reload()
        answer = page.locator(".answer")
        await expect(answer.locator(".prose")).to_have_text("Before")
        await expect(page.get_by_role("button", name="Stop")).to_be_visible()
        more.set()

        await expect_end(answer)
        await expect(answer.locator(".prose")).to_have_text("Before and after.")
        await expect(page.get_by_role("button", name="Stop")).to_have_count(0)


async def test_a_second_tab_follows_the_same_answer(reading: Reading, model: ScriptedModel) -> None:
    more = asyncio.Event()
    model.says = ["Before", more, " and after."]

    async with reading("/chat") as first:
        await expect((await ask(first, "Tell me")).locator(".prose")).to_have_text("Before")
        async with reading(first.url) as second:
            await expect(second.locator(".prose")).to_have_text("Before")
            more.set()
            for page in (first, second):
                await expect(page.locator(".prose")).to_have_text("Before and after.")


async def test_a_model_that_is_being_loaded_is_named_and_then_reads(reading: Reading, model: ScriptedModel) -> None:
    read = asyncio.Event()
    model.load_seconds = 2.0
    model.says = [read, "Here."]

    async with reading("/chat") as page:
        answer = await ask(page, "Are you there?")
        await expect(answer.locator(".doing")).to_have_text("Loading scripted:1b …")
        await expect(page.get_by_role("status")).to_have_text("Loading scripted:1b")
        await expect(answer.locator(".doing")).to_have_text("scripted:1b is reading …")
        read.set()

        await expect_end(answer)
        await expect(answer.locator(".doing")).to_have_count(0)


async def test_thinking_is_folded_away_and_stays_open_once_opened(reading: Reading, model: ScriptedModel) -> None:
    more = asyncio.Event()
    model.says = [Thinks("Hmm."), "Yes", more, "."]

    async with reading("/chat") as page:
        answer = await ask(page, "Is it so?")
        await expect(answer.get_by_text("Hmm.")).to_be_hidden()
        await answer.locator(".thinking summary").click()
        await expect(answer.get_by_text("Hmm.")).to_be_visible()
        more.set()

        await expect_end(answer)
        await expect(answer.get_by_text("Hmm.")).to_be_visible()
        await page.reload()
        await expect(page.locator(".thinking")).to_contain_text("Hmm.")


async def test_the_route_unfolds_to_say_why(reading: Reading) -> None:
    async with reading("/chat") as page:
        answer = await ask(page, "Explain this python function")
        await expect_end(answer)
        await answer.get_by_text("why").click()

        await expect(answer.locator(".why")).to_contain_text("keyword_router")
        await expect(answer.locator(".candidates")).to_contain_text("code")
        await expect(answer.locator(".evidence")).to_contain_text("python")


async def test_a_domain_may_be_asked_for(reading: Reading) -> None:
    async with reading("/chat") as page:
        await page.get_by_label("Domain").select_option("general")
        answer = await ask(page, "Explain this python function")

        await expect(answer.locator(".route-domain")).to_have_text("general")
        await expect(answer.locator(".route-percent")).to_have_text("asked for")


async def test_an_engine_that_dies_is_told_in_place_with_its_mend(reading: Reading, model: ScriptedModel) -> None:
    model.says = ["Half of it", DIES]

    async with reading("/chat") as page:
        answer = await ask(page, "A long story, please")
        await expect_end(answer)

        await expect(answer).to_contain_text("Half of it")
        await expect(answer.locator(".problem")).to_contain_text("The engine stopped in the middle of an answer")
        await expect(answer.locator(".mend")).not_to_be_empty()


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_stop_is_where_send_was(reading: Reading, model: ScriptedModel, scheme: str) -> None:
    model.says = ["Half of it", HANGS]

    async with reading("/chat", viewport={"width": 1440, "height": 900}, color_scheme=scheme) as page:
        send = await page.get_by_role("button", name="Send").bounding_box()
        await ask(page, "A long story, please")
        stop = await page.get_by_role("button", name="Stop").bounding_box()

    assert send is not None
    assert stop is not None
    assert (stop["x"] + stop["width"], stop["y"]) == pytest.approx((send["x"] + send["width"], send["y"]), abs=2)


async def test_a_message_that_is_refused_stays_in_the_composer(reading: Reading) -> None:
    async with reading("/chat", allowed="413") as page:
        box = page.get_by_label("Your message")
        await box.fill("x" * 100_001)
        await page.keyboard.press("Enter")

        await expect(page.locator("#composer-problem")).to_contain_text("The message is too long")
        assert len(await box.input_value()) == 100_001
        await expect(page.locator(".turn")).to_have_count(0)


async def test_a_server_that_is_gone_is_told_and_the_message_kept(reading: Reading) -> None:
    async with reading("/chat", allowed="Failed to") as page:
        await page.route("**/chat/turns", lambda route: route.abort())
        await page.get_by_label("Your message").fill("Hello?")
        await page.keyboard.press("Enter")

        await expect(page.locator("#composer-problem")).to_contain_text("The server does not answer")
        await expect(page.get_by_label("Your message")).to_have_value("Hello?")


async def test_copy_gives_the_answer_as_markdown(reading: Reading, model: ScriptedModel) -> None:
    model.says = ["**Bold** & `code`"]

    async with reading("/chat", permissions=["clipboard-read", "clipboard-write"]) as page:
        answer = await ask(page, "Say something bold")
        await answer.get_by_role("button", name="Copy").click()

        await expect(answer.get_by_role("button", name="Copied")).to_be_visible()
        assert await page.evaluate("navigator.clipboard.readText()") == "**Bold** & `code`"


async def test_what_a_model_writes_cannot_act_on_the_page(reading: Reading, model: ScriptedModel) -> None:
    model.says = [
        "<script>document.title = 'taken'</script>\n\n",
        "![x](https://elsewhere.example/x.png) <img src=x onerror=\"document.title = 'taken'\">\n\n",
        '<hx-partial hx-target="#title"><b>taken</b></hx-partial>',
    ]

    async with reading("/chat") as page:
        answer = await ask(page, "Be wicked")
        await expect_end(answer)

        await expect(answer.locator(".prose")).to_contain_text("<script>")
        await expect(page).to_have_title(re.compile("Be wicked"))
        await expect(page.locator("#title")).to_have_text("Be wicked")


async def test_the_page_stays_at_the_end_only_for_a_reader_who_is_there(reading: Reading, model: ScriptedModel) -> None:
    more, rest = asyncio.Event(), asyncio.Event()
    model.says = ["Line.\n\n" * 60, more, "Line.\n\n" * 60, rest, "Last line."]
    from_end = "document.scrollingElement.scrollHeight - scrollY - innerHeight"

    async with reading("/chat") as page:
        answer = await ask(page, "Sixty lines, please")
        await expect(answer.locator(".prose p")).to_have_count(60)
        await page.wait_for_function(f"() => {from_end} < 5")
        more.set()
        await expect(answer.locator(".prose p")).to_have_count(120)
        await page.wait_for_function(f"() => {from_end} < 5")

        await page.mouse.move(700, 400)
        await page.mouse.wheel(0, -800)
        await page.wait_for_function(f"() => {from_end} > 500")
        rest.set()
        await expect_end(answer)
        assert await page.evaluate(from_end) > 500


async def test_a_stream_that_is_cut_is_taken_up_again(reading: Reading, model: ScriptedModel) -> None:
    more = asyncio.Event()
    model.says = ["Before", more, " and after."]

    async with reading("/chat", allowed="sse:error") as page:
        answer = await ask(page, "Tell me")
        await expect(answer.locator(".prose")).to_have_text("Before")
        # Cut the stream as a network would, between the server and the reader.
        await page.evaluate("document.querySelector('[id^=stream-]')._htmx.sse.reader.cancel()")
        more.set()

        await expect_end(answer)
        await expect(answer.locator(".prose")).to_have_text("Before and after.")


async def test_a_block_of_code_is_coloured_copied_and_scrolls_by_keyboard(
    reading: Reading, model: ScriptedModel
) -> None:
    code = f"def f():\n    return {'1 + ' * 80}1\n"
    model.says = ["So:\n\n```py\n", code, "```\n"]
    async with reading("/chat", permissions=["clipboard-read", "clipboard-write"]) as page:
        answer = await ask(page, "How?")
        await expect_end(answer)
        block = answer.get_by_role("group", name="Code, Python")
        await expect(block.locator(".k").first).to_have_text("def")
        copy = answer.locator(".code .copy")
        await copy.click()
        await expect(copy).to_have_text("Copied")
        assert await page.evaluate("navigator.clipboard.readText()") == code
        await page.keyboard.press("Tab")
        await expect(block).to_be_focused()
        await page.keyboard.press("ArrowRight")
        await block.evaluate(
            "one => one.scrollLeft || new Promise(done => one.addEventListener('scroll', done, { once: true }))"
        )
