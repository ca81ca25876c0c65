"""Routes of the ordinary design."""

from django.urls import path

from bench.ordinary.views import Commands, OneCommand

urlpatterns = [
    path("api/v1/commands", Commands.as_view()),
    path("api/v1/commands/<uuid:command_id>", OneCommand.as_view()),
]
