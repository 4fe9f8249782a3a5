"""A decision in words that people read: on the page and in the terminal."""

from mdsa_server.vocabulary.routing import Route


def explain(route: Route) -> str:
    """Say in a sentence why this domain answers."""
    asked = f"{route.threshold:.0%}" if route.threshold is not None else "enough"
    best = route.candidates[0] if route.candidates else None
    match route.reason:
        case "asked for" if route.tied:
            return f"{' and '.join(route.tied)} were too close to tell apart, and you chose {route.domain}."
        case "asked for":
            return "You asked for this domain."
        case "stayed" if best is not None and best.domain != route.domain:
            return "So few words, like nothing that was taught, go on with what was talked about."
        case "stayed":
            return "The conversation was there before, and nothing else was clearer."
        case "tied":
            return f"{' and '.join(route.tied)} were too close to tell apart; this one is a little likelier."
        case "out of scope":
            return "The message seems to belong to none of the domains, so the fallback answers."
        case "unsure" if best is not None:
            return f"No router was sure enough: {best.domain} came closest, {asked} is asked. So the fallback answers."
        case "unsure":
            return "No router had a view, so the fallback answers."
        case "sure":
            return f"{route.router} is sure enough: {asked} is asked."
