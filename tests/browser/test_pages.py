"""Every page, at two widths and in two schemes: whole, legible, and on speaking terms with no other host."""

import json

import pytest
from playwright.async_api import expect

from tests.browser.conftest import Reading
from tests.serving import RunningServer

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

VIEWPORTS = [{"width": 390, "height": 844}, {"width": 1440, "height": 900}]


async def a_conversation(server: RunningServer) -> str:
    answered = await server.client.post("/api/chat", json={"message": "Explain this python function"})
    return f"/chat/{answered.json()['turn']['conversation']}"


async def a_turn(server: RunningServer, *, compared: bool) -> str:
    messages = ("Explain this python function " + "x" * 300, "A general question")
    turns = [
        (await server.client.post("/api/chat", json={"message": message})).json()["turn"]["id"] for message in messages
    ]
    return f"/turns/{turns[0]}" + (f"?against={turns[1]}" if compared else "")


async def at(address: str, server: RunningServer) -> str:
    """Give an address as it stands, or the one of what it names, which is made."""
    match address:
        case "conversation":
            return await a_conversation(server)
        case "turn" | "compared":
            return await a_turn(server, compared=address == "compared")
        case _:
            return address


@pytest.mark.parametrize("viewport", VIEWPORTS, ids=["390", "1440"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(
    "address",
    [
        *("/", "/chat", "conversation", "/monitor", "/turns", "turn", "compared", "/documents", "/tools"),
        *(
            "/domains?message=python",
            "/plugins?plugin=clock",
            "/configuration",
            "/audit",
            "/routes/review",
            "/schema",
            "/nowhere",
        ),
    ],
)
async def test_a_page_is_whole(
    reading: Reading, server: RunningServer, address: str, scheme: str, viewport: dict[str, int]
) -> None:
    address = await at(address, server)
    # The browser notes the status of a page that is not there.
    allowed = "404" if address == "/nowhere" else ""

    async with reading(address, allowed=allowed, viewport=viewport, color_scheme=scheme) as page:
        if viewport["width"] < 1000:
            await page.get_by_role("button", name="Pages, this is").click()
        await expect(page.get_by_role("navigation", name="Pages")).to_be_visible()
        await page.keyboard.press("Escape")
        await expect(page.locator("#main")).not_to_be_empty()
        # The monitor's stream never rests.
        await page.wait_for_load_state("load" if address == "/monitor" else "networkidle")
        assert await page.evaluate("document.scrollingElement.scrollWidth <= innerWidth"), "it scrolls sideways"
        background = await page.evaluate("getComputedStyle(document.body).backgroundColor")
        lightness = float(background.split("(")[1].split()[0].rstrip("%"))
        assert (lightness > 0.9) == (scheme == "light"), background


CONTRAST = """(pairs) => {
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true })
  const probe = document.body.appendChild(document.createElement("i"))
  const luminance = name => {
    probe.style.color = `var(--${name})`
    canvas.fillStyle = getComputedStyle(probe).color
    canvas.fillRect(0, 0, 1, 1)
    const [r, g, b] = [...canvas.getImageData(0, 0, 1, 1).data]
      .map(value => value / 255).map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    return 0.2126 * r + 0.7152 * g + 0.0722 * b
  }
  return pairs.map(pair => pair.map(luminance).sort((a, b) => b - a)).map(([a, b]) => (a + 0.05) / (b + 0.05))
}"""
TEXT_ON_GROUND = [
    *([text, ground] for text in ("ink", "quiet", "accent") for ground in ("paper", "raised", "wash")),
    *([text, "warning-wash"] for text in ("ink", "quiet", "warning")),
    ["on-accent", "accent"],
    ["warning", "paper"],
    *([f"code-{kind}", "raised"] for kind in ("keyword", "string", "number", "builtin", "name")),
]


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_colours_stand_out_as_wcag_asks(reading: Reading, scheme: str) -> None:
    """4.5 to 1 for text (WCAG 2.2, 1.4.3), 3 to 1 for the edges of what one works with (1.4.11)."""
    async with reading("/chat", color_scheme=scheme) as page:
        text = await page.evaluate(CONTRAST, TEXT_ON_GROUND)
        edges = await page.evaluate(CONTRAST, [["edge", "paper"], ["edge", "raised"]])

    assert min(text) >= 4.5, list(zip(TEXT_ON_GROUND, text, strict=True))
    assert min(edges) >= 3.0


async def test_the_welcome_page_says_what_runs(reading: Reading) -> None:
    async with reading("/") as page:
        runs = page.get_by_role("region", name="What runs")
        await expect(runs).to_contain_text("Ollama")
        await expect(runs).to_contain_text("scripted:1b")
        await runs.get_by_role("link", name="in use").click()
        await expect(page.get_by_role("heading", name="keyword_router", exact=True)).to_be_visible()
        await page.go_back()
        await expect(page.get_by_role("region", name="domains")).to_contain_text("Questions about programs")


async def test_a_question_asked_on_the_welcome_page_is_answered_in_the_chat(reading: Reading) -> None:
    async with reading("/") as page:
        await page.get_by_label("Your message").fill("What is a python function?")
        await page.keyboard.press("Enter")
        await page.wait_for_url("**/chat/*")

        await expect(page.locator(".question")).to_contain_text("What is a python function?")
        await expect(page.locator(".prose")).to_have_text("Hello there.")


async def test_the_api_page_shows_the_operations_of_this_server(reading: Reading) -> None:
    async with reading("/schema") as page:
        await expect(page.locator("#api-docs")).to_contain_text("/api/chat")
        await page.locator(".opblock", has_text="/api/domains").locator(".opblock-summary").click()
        await page.get_by_role("button", name="Try it out").click()
        await page.get_by_role("button", name="Execute").click()
        await expect(page.locator(".live-responses-table")).to_contain_text("Questions about programs")


async def test_a_message_can_be_tried_from_the_api_page_as_it_stands(reading: Reading) -> None:
    async with reading("/schema") as page:
        chat = page.locator("#operations-chat-Chat")
        await chat.locator(".opblock-summary").click()
        await chat.get_by_role("button", name="Try it out").click()
        written = await chat.locator("textarea.body-param__text").input_value()
        assert json.loads(written) == {"message": "What can you do?"}
        await chat.get_by_role("button", name="Execute").click()
        await expect(chat.locator(".live-responses-table")).to_contain_text("Hello there.")


async def test_a_page_that_is_not_there_says_so_and_leads_on(reading: Reading) -> None:
    async with reading("/nowhere", allowed="404") as page:
        await expect(page.get_by_role("heading")).to_have_text("There is nothing here")
        await page.get_by_role("link", name="Welcome page", exact=True).click()
        await expect(page.get_by_role("heading", level=1)).to_contain_text("A team of small models")
