"""Send everything that smells of numbers to the domain `maths`."""

from mdsa_server.plugin_api import Candidate, Evidence, Opinion, hookimpl


class NumberRouter:
    name = "number_router"

    async def fit(self, domains):
        self.known = {domain.name for domain in domains}

    async def route(self, query):
        digits = sum(character.isdigit() for character in query.message)
        if digits < 3 or "maths" not in self.known:
            return Opinion()
        return Opinion(
            candidates=(Candidate("maths", 0.8),),
            evidence=(Evidence("note", f"{digits} digits", "maths"),),
        )


@hookimpl
def register_routers(context):
    return [NumberRouter()]
