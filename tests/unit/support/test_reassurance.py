"""What reads like reassurance, and what does not: the doubt is the exercise, and nobody can vouch for the outcome."""

import pytest

from erp.domain.support.cheer import PHRASES, reads_like_reassurance

REASSURES = """
Nothing will happen.
nothing bad will happen to you
NOTHING TERRIBLE IS GOING TO HAPPEN!!
Nothing's gonna happen
nothing is wrong, go to bed
nothing ever happens there
I promise it's safe
I promise you, the dog is old
i promice nothing bad can happen
I swear it's clean
Don't worry
Don’t worry, it's only a dog
DONT WORRY ABOUT IT
don't worry, I know it's fine
do not worry so much
You don't have to worry
No need to worry
Please stop worrying
There is nothing to worry about
theres nothing to be afraid of
You have nothing to fear
There's no reason to panic
It will be okay
itll be ok
It’ll be alright
Everything is going to be all right
everythings gonna be fine
You'll be fine, you always are
youll be totally fine
You will be safe
All will be well
Everything is fine
You are fine.
You're safe.
your safe
It's perfectly safe
its safe
This is 100% harmless
Your hands are clean
You are not contaminated
It is not dangerous
That isn't even contagious
The dog won't bite you
it wont hurt you
The panic will not kill you
You can't get sick from that
You’re not going to die
That's not going to happen
It will never happen
Nobody will die
There's no danger
There is absolutely no risk
there is zero chance of that
There's no way that it catches fire
It's very unlikely
You would never do that
you'd never hurt anyone
I'm sure you locked the door
im sure its fine
I am 100% certain it is off
Of course you turned it off
Of course you did.
Of course you didn't hit anybody
I checked, go to bed
I've already checked the stove
I saw you lock it
You already washed them
You didn't run over anyone
The stove is off
I guarantee it
It is garanteed
Trust me on this
Just relax
Calm down
"""

ACCEPTS = """
It may feel awful and you can stay
I don't know what will happen, and you can do this
I dont know if it will be okay and you can stay anyway
Nobody can promise that nothing will happen, and you go on
I can’t promise it's safe. I am here.
We can't be sure, and you can do it
No one knows whether you'll be fine
I won't tell you that it's safe, you can do this without me
You don't have to feel safe to stay
You don't need to be certain it's clean
You are staying without knowing that it will be okay
Maybe it will be fine, maybe not. You stay.
Maybe it will happen and maybe it won't, keep going
There is no guarantee, and you do it anyway
No guarantees. Go on
You do not have to calm down
You can stay without trying to relax
Something bad might happen. You can face not knowing.
Anything can happen, and you keep your hands where they are
Let the worry be there
Let the doubt ride along
It's okay to be scared
That's okay, shaking is part of it
It is fine to cry and go on
You'll be okay not knowing
You will be shaking, and you can stay
It won't be easy
This will be good practice
I'm sure you can do hard things
I am certain that you can stay with this
I'm not sure either. Stay with it.
I promise to be at the window at eight
I promise you an ice cream afterwards
I checked in because I think of you
Of course you are afraid, and you went
Of course you didn't quit
There's no way around it, only through
It's safe to say that this was hard
There is nothing to fix right now
There is nothing wrong with being afraid
You can't stop worrying, and you still went in
You did not run
You never gave up
You would never know without trying
Whatever comes, you can carry it
Hard things are your thing
You touched it, and your hands stayed where they were
Twelve minutes with the dog. Wow!
Still here. Take the time you need.
I'm proud of you
It can't hurt to try one more minute
Are you still in it?
Go, go, go!
Never mind the mess, you went
That is a clean ten minutes
"""


def lines(text: str) -> list[str]:
    return text.strip().splitlines()


@pytest.mark.parametrize("text", lines(REASSURES))
def test_what_promises_soothes_or_vouches_reads_like_reassurance(text: str):
    assert reads_like_reassurance(text)
    assert reads_like_reassurance(text.upper())
    assert reads_like_reassurance(f"Hey love,\n {text}  ")
    assert reads_like_reassurance(text.replace("'", "’"))
    assert reads_like_reassurance(text.replace("'", "ʼ"))


@pytest.mark.parametrize("text", [*PHRASES.values(), *lines(ACCEPTS)])
def test_acceptance_confidence_and_honest_doubt_do_not(text: str):
    assert not reads_like_reassurance(text)
    assert not reads_like_reassurance(text.upper())
    assert not reads_like_reassurance(text.replace("'", "’"))


@pytest.mark.parametrize("text", ["", "  ", "👏👏👏", "'", "~", "\\", "no " * 66])
def test_texts_without_words_or_sense_do_not_either(text: str):
    assert not reads_like_reassurance(text)


def test_honest_doubt_in_one_clause_does_not_hide_a_promise_in_the_next():
    assert reads_like_reassurance("I don't know why but you will be fine")
    assert reads_like_reassurance("Nobody knows, but I promise it's safe")
    assert reads_like_reassurance("Maybe it rains. Nothing bad will happen.")
